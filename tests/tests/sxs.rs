//! Side by side: pairs, the annotation page, and votes that survive every later run.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use finegrain_tests::{Project, SMALL, has_chromium, in_chromium};
use tables::{OVERALL, Prediction, Split, SxsChoice, SxsPair, SxsSummary, SxsTest, SxsVote};

/// `finegrain sxs …` on the small settings.
fn sxs(project: &Project, words: &[&str]) -> String {
    project.succeeds(&[&["sxs"], words, SMALL].concat())
}

fn fails(project: &Project, words: &[&str]) -> String {
    let ended = project.finegrain(&[&["sxs"], words, SMALL].concat());
    assert_eq!(ended.code(), Some(1), "{}", ended.text());
    ended.text()
}

/// One vote as the page exports it: of a pair's two images the one that `choice` means, on the left.
fn vote(pair: &SxsPair, rater: &str, choice: SxsChoice, time: &str) -> String {
    let (left, right) = match choice {
        SxsChoice::Fine => (&pair.fine_image_id, &pair.coarse_image_id),
        _ => (&pair.coarse_image_id, &pair.fine_image_id),
    };
    let word = if choice == SxsChoice::Unsure { "unsure" } else { "left" };
    let vote = serde_json::json!({
        "page": "0", "rater_id": rater, "pair_id": pair.pair_id, "aspect": OVERALL, "choice": word,
        "left": left, "right": right, "seconds": 1.5, "answered_at": time,
    });
    format!("{vote}\n")
}

#[test]
fn votes_that_were_tallied_once_are_counted_by_every_later_run() {
    let project = Project::new(24);
    project.runs(&[]);
    let said = sxs(&project, &["select"]);
    assert!(said.contains("nothing to do") && said.contains("pairs of preferences/coarse/n16/s0"), "{said}");
    let pairs = project.rows::<SxsPair>();
    assert!(pairs.len() >= 2, "the demo's two models disagree on some prompts: {said}");

    let page = |out: &str| sxs(&project, &["page", "--out", out]);
    assert!(page("page.html").contains("in 9 tasks"));
    page("site");
    assert!(project.text("page.html").contains("Which image is more visually compelling?"));
    assert!(
        project.folder().join("site/images/0001a.jpg").exists()
            && !project.text("site/index.html").contains("data:image/jpeg")
    );
    let first = project.text("page.html");
    page("page.html");
    assert_eq!(first, project.text("page.html"));

    let early = "2026-11-26T10:00:00.000Z";
    let ann: String = pairs.iter().map(|pair| vote(pair, "ann", SxsChoice::Fine, early)).collect();
    let bob = vote(&pairs[0], "bob", SxsChoice::Coarse, early);
    // Bob changes his mind.
    let bob = bob + &vote(&pairs[0], "bob", SxsChoice::Unsure, "2026-11-26T11:00:00.000Z");
    project.write("ann.jsonl", &ann);
    project.write("bob.jsonl", &bob);
    let said = sxs(&project, &["tally", "ann.jsonl", "bob.jsonl"]);
    assert!(said.contains("came or went") && said.contains("n_revised=1"), "{said}");
    let votes = project.rows::<SxsVote>();
    assert_eq!(votes.len(), pairs.len() + 1);
    assert!(
        votes
            .iter()
            .all(|vote| vote.choice == if vote.rater_id == "ann" { SxsChoice::Fine } else { SxsChoice::Unsure })
    );
    let [test] = &project.rows::<SxsTest>()[..] else { panic!("one aspect was voted on") };
    assert_eq!((test.n_raters, test.n_fine, test.fine_share), (2, pairs.len() as i64, Some(1.0)));
    assert_eq!((test.left_share, test.mean_seconds), (Some(1.0), Some(1.5)));
    assert_eq!(project.rows::<SxsSummary>().len(), 3);
    assert!(project.text("data/run/report/index.html").contains("what raters prefer"));

    // Later runs count them again, whatever made them run.
    assert!(project.runs(&[]).contains("nothing to do"));
    project.runs(&["--set", "evaluate.bootstrap.seed=1"]);
    assert_eq!(project.rows::<SxsVote>(), votes);
    project.succeeds(&["check"]);

    // The same file again is no new vote.
    let said = sxs(&project, &["tally", "ann.jsonl"]);
    assert!(said.contains("was taken in before"), "{said}");
    assert_eq!(project.rows::<SxsVote>(), votes);

    // What cannot be counted is refused whole, with its place.
    project.write("bad.jsonl", ann.clone() + &bob.replace("unsure", "both"));
    let said = fails(&project, &["tally", "bad.jsonl"]);
    assert!(said.contains(&format!("`bad.jsonl`, line {}: `choice` is `both`", pairs.len() + 2)), "{said}");
    project.write("other.csv", "rater_id,pair_id,aspect,choice\nann,x~y,overall,fine\n");
    let said = fails(&project, &["tally", "other.csv"]);
    assert!(said.contains("`other.csv`, line 2: `pair_id` is `x~y`, which is none of the"), "{said}");
    assert_eq!(project.rows::<SxsVote>(), votes);

    // Votes are taken back by deleting their file.
    let stored: Vec<_> = std::fs::read_dir(project.folder().join("data/run/sxs/votes")).unwrap().collect();
    assert_eq!(stored.len(), 2);
    for file in stored {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    project.runs(&[]);
    assert_eq!((project.rows::<SxsVote>(), project.rows::<SxsTest>()), (vec![], vec![]));
}

#[test]
fn scored_generations_give_pairs_a_page_and_a_tally_of_their_own() {
    let project = Project::new(16);
    project.runs(&[]);
    let (coarse, fine) = ("preferences/coarse/n16/s0", "preferences/all/n16/s0");
    let images = project.rows::<tables::Image>();
    let mut csv = "run_id,image_id,prompt_id,reward\n".to_owned();
    for row in project.rows::<Prediction>().iter().filter(|row| row.split == Split::Test) {
        let image = images.iter().find(|image| image.image_id == row.image_id).unwrap();
        // As a folder of fresh generations would have it: the id is the path.
        csv += &format!("{},{},{},{}\n", row.run_id, image.path.as_ref().unwrap(), image.prompt_id, row.reward);
    }
    project.write("scores.csv", &csv);
    let words = ["select", "--scores", "scores.csv", "--coarse", coarse, "--fine", fine, "--out", "pairs.parquet"];
    let said = sxs(&project, &words);
    let by_predictions = project.rows::<SxsPair>();
    assert!(said.contains(&format!("{} pairs of {coarse} and {fine}", by_predictions.len())), "{said}");
    assert!(
        fails(&project, &["select", "--scores", "scores.csv", "--coarse", "c", "--fine", fine, "--out", "p.parquet"])
            .contains("no score of `c`")
    );

    let page = ["page", "--pairs", "pairs.parquet", "--out", "fresh.html"];
    assert!(fails(&project, &page).contains("--images says where fresh generations lie"));
    sxs(&project, &[&page[..], &["--images", "data/demo/images", "--aspects", "overall,bright"]].concat());
    assert!(project.text("fresh.html").contains("Which image is more bright?"));

    // An id that the table `images` has too: --images says which picture is meant.
    let known = &project.rows::<SxsPair>()[0];
    let id = &known.coarse_image_id;
    let own = images.iter().find(|image| image.image_id == *id).and_then(|image| image.path.clone()).unwrap();
    let other = images.iter().find(|image| image.image_id != *id).and_then(|image| image.path.clone()).unwrap();
    let shown = |list: Option<&str>| {
        let words = ["page", "--out", "one", "--aspects", "overall"];
        let list = list.map(|named| {
            let path = |image: &tables::Image| {
                if image.image_id == *id { named.to_owned() } else { image.path.clone().unwrap() }
            };
            let rows = images.iter().map(|image| format!("{},{}\n", image.image_id, path(image)));
            project.write("list.csv", format!("image_id,path\n{}", rows.collect::<String>()));
        });
        let named = ["--images", "list.csv", "--image-root", "data/demo/images"];
        sxs(&project, &[&words[..], if list.is_some() { &named } else { &[] }].concat());
        let side = if *id < known.fine_image_id { "a" } else { "b" };
        std::fs::read(project.folder().join(format!("one/images/0001{side}.jpg"))).unwrap()
    };
    assert_eq!(shown(Some(&own)), shown(None));
    assert_ne!(shown(Some(&other)), shown(None));
    // And an image that it does not have is not taken from the table: raters would judge another picture.
    project.write("few.csv", format!("image_id,path\n{id},{own}\n"));
    let of = |images: &str| fails(&project, &["page", "--out", "two", "--images", images]);
    assert!(of("few.csv").contains("it is not in `few.csv`"));
    assert!(of("data/demo/images").contains("its files go by their names, ending and all"));

    // The same pairs become the table's when the pipeline file names the file.
    let set = ["--set", "evaluate.sxs.scores=scores.csv"];
    let said = project.runs(&set);
    assert!(said.contains("setting `sxs.scores` is set now"), "{said}");
    let pairs = project.rows::<SxsPair>();
    assert_eq!(pairs.len(), by_predictions.len());
    for (fresh, known) in pairs.iter().zip(&by_predictions) {
        assert_eq!((&fresh.prompt_id, fresh.disagreement), (&known.prompt_id, known.disagreement));
    }
    project.succeeds(&["check"]);

    let votes: String = pairs.iter().map(|pair| vote(pair, "ann", SxsChoice::Coarse, "2026-11-26T10:00:00Z")).collect();
    project.write("votes.jsonl", votes);
    let said = sxs(&project, &["tally", "votes.jsonl", "--pairs", "pairs.parquet", "--out", "tallied"]);
    assert!(said.contains(&format!("{} votes (0 repeated)", pairs.len())), "{said}");
    assert!(project.folder().join("tallied/sxs_tests.parquet").exists());
    assert_eq!(project.rows::<SxsVote>(), [], "nothing is kept in the data root");
}

/// In headless Chromium: mouse, keys, a reload in the middle, a phone, the dark; then what two raters exported is tallied.
/// `make test-browser` installs Debian's packages where they are not there.
#[test]
fn what_raters_click_in_a_browser_is_what_is_tallied() {
    if !has_chromium() {
        return;
    }
    let project = Project::new(24);
    // Whatever a data set writes into a prompt is text to the page.
    let hostile = "</script><script>window.hostile=1</script><img src=x onerror='window.hostile=1'> ";
    project.runs(&[]);
    let pairs = project.rows::<SxsPair>();
    let prompts: String = pairs.iter().map(|pair| format!("{},{hostile}\n", pair.prompt_id)).collect();
    project.write("prompts.csv", format!("prompt_id,prompt\n{prompts}"));
    for (out, page) in [("page.html", "page.html"), ("site", "site/index.html")] {
        sxs(&project, &["page", "--prompts", "prompts.csv", "--out", out]);
        let (page, downloads) = (project.folder().join(page), project.folder().join("downloads").join(out));
        in_chromium("check_sxs.py", &[page.to_str().unwrap(), downloads.to_str().unwrap()]);
        let exports: Vec<String> = std::fs::read_dir(&downloads)
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            .filter(|path| path.ends_with(".jsonl") || path.ends_with(".csv"))
            .collect();
        assert_eq!(exports.len(), 3, "ann's votes in both forms, Bob's as CSV");
        let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
        sxs(&project, &[&["tally"], &exports[..]].concat());

        let expected: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(downloads.join("expected.json")).unwrap()).unwrap();
        let votes = project.rows::<SxsVote>();
        let mut n_expected = 0;
        for (rater, aspects) in expected.as_object().unwrap() {
            for (aspect, choices) in aspects.as_object().unwrap() {
                for (pair_id, image) in choices.as_object().unwrap() {
                    n_expected += 1;
                    let pair = pairs.iter().find(|pair| pair.pair_id == *pair_id).unwrap();
                    let choice = match image.as_str().unwrap() {
                        "unsure" => SxsChoice::Unsure,
                        image if image == pair.coarse_image_id => SxsChoice::Coarse,
                        image => {
                            assert_eq!(image, pair.fine_image_id);
                            SxsChoice::Fine
                        }
                    };
                    let is_it =
                        |vote: &&SxsVote| vote.rater_id == *rater && vote.aspect == *aspect && vote.pair_id == *pair_id;
                    let counted = votes.iter().find(is_it).unwrap();
                    assert_eq!(counted.choice, choice, "{rater}, {aspect}, {pair_id}");
                    assert!(counted.seconds.is_some() && counted.answered_at.is_some() && counted.left.is_some());
                }
            }
        }
        assert_eq!(votes.len(), n_expected);
    }
}
