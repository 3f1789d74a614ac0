//! Questions of every prompt of a file, one prompt a line: `cargo run --example prompt_questions < prompts.txt`.
//!
//! Ends with how many prompts got none, how often the bucket rules agree with the template's bucket, and the speed.

use std::io::Read;

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let (mut n_prompts, mut n_questions, mut n_agree) = (0_u32, 0_u32, 0_u32);
    let mut without = Vec::new();
    let quiet = std::env::args().any(|argument| argument == "--quiet");
    let started = std::time::Instant::now();
    let mut in_templates = std::time::Duration::ZERO;
    for prompt in text.lines() {
        let before = std::time::Instant::now();
        let questions = vq2_parse::template_questions(prompt);
        in_templates += before.elapsed();
        n_prompts += 1;
        if let Err(reason) = &questions {
            without.push((prompt, reason.to_string()));
        }
        let questions = questions.unwrap_or_default();
        if !quiet {
            println!("\n{prompt}");
        }
        for question in &questions {
            let decision = vq2_parse::bucket(&question.question, None);
            let agrees = decision.bucket == question.bucket;
            n_questions += 1;
            n_agree += u32::from(agrees);
            if !quiet {
                let note =
                    if agrees { String::new() } else { format!("   <- {} by {}", decision.bucket, decision.rule) };
                println!("  {:<12} {}{note}", question.question_id, question.question);
            }
        }
    }
    let per_second = f64::from(n_prompts) / in_templates.as_secs_f64();
    println!("\n{n_prompts} prompts, {n_questions} questions, {} prompts without: {without:?}", without.len());
    println!("bucket rules agree on {:.3}", f64::from(n_agree) / f64::from(n_questions));
    println!("{per_second:.0} prompts/s on one core; all in {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}
