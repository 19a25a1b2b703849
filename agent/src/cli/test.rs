//! `his-agent test`: the cases that lie beside mappings and rules.

mod answers;
mod checks;
mod difference;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

use adapters::Keys;
use mappings::{Catalogs, MappingSet};
use rules::RuleSet;
use schemas::{Files, Problem};

use super::{Exit, tell};
use crate::sets::read_folder;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 映射或规则所在的目录；缺省为当前目录下的 mappings 和 rules
    /// | folders of mappings or rules; by default ./mappings and ./rules
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// 地区版本 | the profile that mappings are proved against unless they name one
    #[arg(long, default_value = "national")]
    profile: String,
    /// 用实际结果改写期望 | rewrite the expectations with what came out
    #[arg(long)]
    update: bool,
    /// 每次保存后重新运行，直到 Ctrl-C | run again after every save, until interrupted
    #[arg(long, conflicts_with = "update")]
    watch: bool,
}

/// How many cases held and how many did not.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut paths = arguments.paths.clone();
    if paths.is_empty() {
        paths =
            ["mappings", "rules"].map(PathBuf::from).into_iter().filter(|it| it.is_dir()).collect();
    }
    if paths.is_empty() {
        eprintln!("there is neither ./mappings nor ./rules here; name a folder");
        return Exit::Usage;
    }
    let mut seen = watch::stamps(&paths);
    loop {
        let exit = all(&paths, arguments);
        if !arguments.watch {
            return exit;
        }
        say!("waiting for the next save; Ctrl-C ends");
        seen = watch::wait(&paths, &seen);
    }
}

fn all(paths: &[PathBuf], arguments: &Arguments) -> Exit {
    let mut tally = Tally::default();
    for path in paths {
        if let Err(problems) = folder(path, arguments, &mut tally) {
            return tell(&problems);
        }
    }
    say!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed > 0 { Exit::Data } else { Exit::Ok }
}

fn folder(path: &Path, arguments: &Arguments, tally: &mut Tally) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let files = read_folder(path, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let is_rules = files.iter().any(|(name, _)| name.ends_with("pack.toml"));
    if is_rules {
        return rule_cases(&files, tally);
    }
    let vendor = own_name(path, &files);
    mapping_cases(path, &below(&vendor, files), &vendor, arguments, tally)
}

/// The name of a folder that holds mappings itself, with a slash behind it; nothing for a folder of
/// such folders.
fn own_name(path: &Path, files: &Files) -> String {
    let is_ours = |text: &str| text.contains("[mapping]") || text.contains("[answer]");
    let is_own = |(name, text): (&str, &str)| {
        let is_toml = Path::new(name).extension().is_some_and(|it| it == "toml");
        is_toml && !name.contains('/') && is_ours(text)
    };
    if !files.iter().any(is_own) {
        return String::new();
    }
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().and_then(|it| it.to_str()).unwrap_or("vendor");
    format!("{name}/")
}

/// The files as they stand in the tree that the daemon reads: each below its vendor's folder.
fn below(vendor: &str, files: Files) -> Files {
    if vendor.is_empty() {
        return files;
    }
    let mut moved = Files::new();
    for (name, text) in files.iter() {
        moved.insert(format!("{vendor}{name}"), text);
    }
    moved
}

fn mapping_cases(
    root: &Path,
    files: &Files,
    vendor: &str,
    arguments: &Arguments,
    tally: &mut Tally,
) -> Result<(), Vec<Problem>> {
    let schemas = Files::from_shipped(schemas::SHIPPED);
    let catalogs = Catalogs::load(&schemas, &arguments.profile)?;
    for input in cases(root, |name| name.contains(".in.")) {
        let case = Case { root, input: &input };
        // A case is asked of the mappings beside it, not of every vendor's.
        let (set, _) = MappingSet::load(files, &catalogs, &[format!("{vendor}{}", case.vendor())])?;
        let set = set.keyed(&case.keys()?).map_err(of_cases)?;
        match case.run(&set, arguments.update) {
            Ok(()) => tally.passed += 1,
            Err(difference) => {
                tally.failed += 1;
                say!("FAILED {}\n{}", input.display(), difference.trim_end());
            }
        }
    }
    let tree = answers::Tree { root, files, vendor, catalogs };
    answers::run(&tree, arguments.update, tally)?;
    checks::run(&tree, arguments.update, tally)
}

/// Every file of a folder `cases` below a folder whose name is wanted, in order.
fn cases(root: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let in_cases = folder.ends_with("cases");
        for path in entries.flatten().map(|it| it.path()) {
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            if path.is_dir() {
                open.push(path);
            } else if in_cases && is_wanted(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

struct Case<'a> {
    root: &'a Path,
    input: &'a Path,
}

impl Case<'_> {
    /// The folder whose mappings the case is about, relative to the root: `platform/`.
    fn vendor(&self) -> String {
        vendor_of(self.root, self.input)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let name = self.input.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let stem = name.split(".in.").next().unwrap_or_default();
        self.input.with_file_name(format!("{stem}.{ending}"))
    }

    /// The keys that lie beside the cases; none where there is no such file.
    fn keys(&self) -> Result<Keys, Vec<Problem>> {
        let path = self.input.with_file_name("keys.toml");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(Keys::new()) };
        mappings::case_keys(&text)
            .map_err(|why| vec![Problem::error("A004", path.display().to_string(), (1, 1), why)])
    }

    fn run(&self, set: &MappingSet, update: bool) -> Result<(), String> {
        let bytes = fs::read(self.input).map_err(|it| it.to_string())?;
        let content_type = fs::read_to_string(self.beside("type")).ok();
        let actual = mappings::case_outcome(set, &bytes, content_type.as_deref().map(str::trim));
        let expectation = self.beside("out.json");
        if update {
            return fs::write(&expectation, actual)
                .map_err(|it| format!("{}: {it}", expectation.display()));
        }
        let expected = fs::read_to_string(&expectation).map_err(|it| {
            format!("{}: {it}; write it with --update and read it", expectation.display())
        })?;
        if expected == actual { Ok(()) } else { Err(difference::difference(&expected, &actual)) }
    }
}

/// Cases have keys of their own.
fn of_cases(mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in &mut problems {
        problem.message = format!("cases/keys.toml: {}", problem.message);
    }
    problems
}

fn vendor_of(root: &Path, case: &Path) -> String {
    let vendor = case.parent().and_then(Path::parent).unwrap_or(root);
    match vendor.strip_prefix(root).ok().map(|it| it.display().to_string()) {
        Some(folder) if !folder.is_empty() => format!("{folder}/"),
        _ => String::new(),
    }
}

fn rule_cases(files: &Files, tally: &mut Tally) -> Result<(), Vec<Problem>> {
    let rules = RuleSet::load(files)?;
    for result in rules::cases::run_cases(files, &rules) {
        if result.passed() {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            say!(
                "FAILED {}:{} {}\n  {}",
                result.file,
                result.line,
                result.name,
                result.differences.join("\n  ")
            );
        }
    }
    Ok(())
}
