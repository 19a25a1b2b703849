//! What other rules would have said in the checks that were made.
//!
//! The candidate is the rules in force with a pack in the place of its namesake, or with rules switched
//! on. Both judge the same request at the same moment, so that a difference is the rules' alone. The
//! command does it in its own process, a plan in the daemon.

mod report;

use std::path::Path;

use jiff::civil::DateTime;
use rules::Facts;
use schemas::{Files, Problem};

pub(crate) use self::report::{COLUMNS, Hit, Report, quoted};
use crate::checks::again;
use crate::checks::entry::Check;
use crate::clock;
use crate::config::Config;
use crate::history::KnownThen;
use crate::pipeline;
use crate::sets::{Sets, Texts, read_folder};

/// A pack by its name: the files it has.
pub(crate) type Pack = (String, Files);

/// The pack of a folder, which has its name.
pub(crate) fn pack(folder: &Path) -> Result<Pack, Vec<Problem>> {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().and_then(|it| it.to_str()).unwrap_or("candidate").to_owned();
    let mut problems = Vec::new();
    let files = read_folder(folder, &mut problems);
    if problems.is_empty() { Ok((name, files)) } else { Err(problems) }
}

/// The rules in force, with a pack in the place of its namesake, and with these rules switched on.
pub(crate) fn candidate(
    texts: &Texts,
    pack: Option<&Pack>,
    switched_on: &[String],
) -> Result<Texts, Vec<Problem>> {
    let mut texts = texts.clone();
    if let Some(pack) = pack {
        exchange(&mut texts, pack);
    }
    if !switched_on.is_empty() {
        let sets = rules::RuleSet::load(&texts.rules)?;
        for rule in switched_on {
            let off = sets.rules().iter().find(|it| it.id == *rule && !it.enabled);
            let Some(known) = off else { continue };
            let file = format!("overlay/{}/settings.toml", known.pack);
            let before = texts.rules.get(&file).unwrap_or_default();
            let on = format!("{before}\n[[setting]]\nrules = [\"{rule}\"]\nenabled = true\n");
            texts.rules.insert(file, on);
        }
    }
    Ok(texts)
}

fn exchange(texts: &mut Texts, (name, files): &Pack) {
    let prefix = format!("packs/{name}/");
    let kept = texts.rules.iter().filter(|(path, _)| !path.starts_with(&prefix));
    let kept: Files = kept.collect();
    texts.rules = kept;
    for (path, text) in files.iter() {
        texts.rules.insert(format!("{prefix}{path}"), text);
    }
}

/// Judges a check by both, and counts; gives what either found. `past` says what was known of the patient
/// at the moment: the daemon asks its store, the command has it from the daemon. Without it, a check
/// knows what its caller sent.
pub(crate) fn judge(
    config: &Config,
    (old, new): (&Sets, &Sets),
    (check, past): (&Check, impl FnOnce(&Facts, DateTime) -> Option<KnownThen>),
    report: &mut Report,
) -> Vec<Hit> {
    // A request that somebody wrote by hand was asked now.
    let mut asked = check.clone();
    if asked.asked_at.is_empty() {
        asked.asked_at = pipeline::stamp(clock::now());
    }
    let limits = &config.listen.limits;
    let Some((mut facts, now)) = again::facts(&asked, old, &config.hospital.code, limits) else {
        report.unreadable();
        return Vec::new();
    };
    if let Some(past) = past(&facts, now) {
        past.fill(&mut facts);
    }
    let before = rules::evaluate(&old.rules, &facts, now);
    if std::ptr::eq(old, new) {
        return report.compare(&asked, &before, &before);
    }
    let after = rules::evaluate(&new.rules, &facts, now);
    report.compare(&asked, &before, &after)
}
