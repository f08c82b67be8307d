//! tmp
#![allow(warnings)]
use pgbelay_analysis::*;
use pgbelay_tests::observe::corpus;
use std::collections::*;
fn main() {
    let tsv = std::env::args().nth(1).unwrap();
    let major: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let word = std::env::args().nth(3);
    let text = std::fs::read_to_string(tsv).unwrap();
    let mut observed = HashMap::new();
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        observed
            .insert((f[0].to_owned(), f[1].to_owned()), f.iter().map(|s| s.to_string()).collect::<Vec<_>>());
    }
    let set = |s: &str| -> BTreeSet<String> {
        s.split(',').filter(|x| !x.is_empty()).map(|x| x.to_owned()).collect()
    };
    let (mut total, mut bad) = (0, 0);
    let mut by: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in corpus::read_all().unwrap() {
        if !case.majors.contains(major) {
            continue;
        }
        let Some(o) = observed.get(&(case.topic.clone(), case.name.clone())) else { continue };
        let opts = Options { server: Server::major(major), refine: true };
        let mut catalog =
            if std::env::var("NOTHING").is_ok() { Catalog::nothing() } else { Catalog::fresh() };
        catalog.settings.time_zone = Some("UTC".into());
        let mut setup_faults = vec![];
        for s in &case.setup {
            let a = analyze_next(s, &mut catalog, opts);
            setup_faults.extend(a.faults.iter().map(|f| f.to_string()));
            setup_faults.extend(a.statements.iter().filter_map(|s| s.fails.clone()));
        }
        let a = analyze_next(&case.run, &mut catalog, opts);
        total += 1;
        by.entry(case.topic.clone()).or_default().0 += 1;
        let mut why = vec![];
        let Some(s) = a.statements.first() else {
            if o[2] == "done" {
                why.push(format!("fault {:?}", a.faults));
            }
            if !why.is_empty() {
                bad += 1;
                println!("{}/{}: {why:?}", case.topic, case.name);
            }
            continue;
        };
        if !setup_faults.is_empty() {
            why.push(format!("SETUP {setup_faults:?}"));
        }
        if o[2].starts_with("done") {
            if let Some(f) = &s.fails {
                why.push(format!("FAILS {f}"));
            }
            if !s.transactional {
                why.push("not transactional".into());
            }
            let idx = set(&o[5])
                .into_iter()
                .map(|x| x.split('=').next().unwrap().to_owned())
                .collect::<BTreeSet<_>>();
            let locks: BTreeSet<String> = s
                .locks
                .iter()
                .filter(|l| !l.new)
                .map(|l| format!("{}={}", l.relation.replace('"', ""), l.mode))
                .filter(|l| !idx.contains(l.split('=').next().unwrap()))
                .collect();
            let want = set(&o[3]);
            if locks != want {
                why.push(format!(
                    "locks want {:?} got {:?}",
                    want.difference(&locks).collect::<Vec<_>>(),
                    locks.difference(&want).collect::<Vec<_>>()
                ));
            }
            let work: BTreeSet<String> = s
                .work
                .iter()
                .filter(|l| !l.new)
                .map(|l| format!("{}={}", l.relation.replace('"', ""), l.kind.as_str()))
                .collect();
            let want = set(&o[4]);
            if work != want {
                why.push(format!(
                    "work want {:?} got {:?}",
                    want.difference(&work).collect::<Vec<_>>(),
                    work.difference(&want).collect::<Vec<_>>()
                ));
            }
        } else if o[2].starts_with("refused in a") {
            if s.transactional {
                why.push(format!("transactional; {}", o[2]));
            }
        } else if o[2].starts_with("refused") {
            if s.fails.is_none() && !o[2].starts_with("refused 23") && !o[2].starts_with("refused 22") {
                why.push(format!("no failure: {}", o[2]));
            }
        }
        if !s.unknown.is_empty() {
            why.push(format!("unknown {:?}", s.unknown));
        }
        if !why.is_empty() {
            bad += 1;
            by.entry(case.topic.clone()).or_default().1 += 1;
            if word.as_ref().is_none_or(|w| case.topic.contains(w.as_str())) {
                println!(
                    "{}/{}: {}\n     {}",
                    case.topic,
                    case.name,
                    why.join("; ")
                        .replace("AccessExclusiveLock", "AE")
                        .replace("ShareRowExclusiveLock", "SRE")
                        .replace("public.", ""),
                    case.run.replace('\n', " ").chars().take(150).collect::<String>()
                );
            }
        }
    }
    println!("{by:?}\n{bad} bad of {total}");
}
