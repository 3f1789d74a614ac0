//! `finegrain`: the one program around the six stages.

fn main() -> std::process::ExitCode {
    pipeline::main()
}
