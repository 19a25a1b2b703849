//! `his-agent translate --infer`: a first draft of a mapping, made from one sample.

use std::fs;
use std::path::{Path, PathBuf};

use adapters::{Input, Limits, WireFormat};
use mappings::Catalogs;
use mappings::infer::{Draft, Wanted, infer};
use schemas::Files;

use super::super::{Exit, tell};
use crate::config::Config;
use crate::sets::Texts;

#[derive(Debug, clap::Args)]
#[group(id = "draft")]
pub(super) struct Arguments {
    /// 由一份样例报文起草映射，每行带把握程度，写到标准输出或 --out 目录；这时不用 --channel
    /// | draft a mapping from one sample, to standard output or into --out
    #[arg(long, conflicts_with = "channel")]
    infer: bool,
    /// 明细是哪个实体；不写就猜 | the entity of the lines; guessed when left out
    #[arg(long, value_name = "NAME", requires = "infer")]
    entity: Option<String>,
    /// 映射的名字；缺省用文件名 | the mapping's name; the file's by default
    #[arg(long, value_name = "NAME", requires = "infer")]
    name: Option<String>,
    /// 按哪个地区版本；HIS 还没有医保编号，缺省 clinical | the profile to prove it against
    #[arg(long, value_name = "NAME", default_value = "clinical", requires = "infer")]
    profile: String,
    /// 写到这个目录：名字.toml 和 codes/；不覆盖已有的文件 | a folder for the draft; nothing is overwritten
    #[arg(long, value_name = "DIR", requires = "infer")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// These, if a draft is wanted at all.
    pub(super) fn wanted(&self) -> Option<&Arguments> {
        self.infer.then_some(self)
    }
}

pub(super) fn run(arguments: &Arguments, all: &super::Arguments) -> Exit {
    let [file] = all.files.as_slice() else {
        eprintln!("--infer takes one sample");
        return Exit::Usage;
    };
    let (catalogs, limits) = match standard(&all.config.config) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return Exit::Unavailable;
        }
    };
    let stem = file.file_name().and_then(|it| it.to_str()).unwrap_or("draft");
    let stem = stem.split('.').next().unwrap_or(stem);
    let name = arguments.name.as_deref().unwrap_or(stem);
    let entity = arguments.entity.as_deref();
    let wanted = Wanted { name, profile: &arguments.profile, entity };
    let input = Input::new(&bytes, WireFormat::Auto, all.content_type.as_deref());
    match infer(&input, &wanted, &catalogs, &limits) {
        Ok(draft) => give(&draft, name, arguments.out.as_deref()),
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            Exit::Data
        }
    }
}

/// The configured dictionary and bounds; those that are built in where there is no configuration:
/// an implementer drafts at a desk, not on the machine in the hospital.
fn standard(config: &Path) -> Result<(Catalogs, Limits), Exit> {
    let (files, limits) = if config.is_file() {
        let config = Config::load(config).map_err(|it| tell(&it))?;
        let texts = Texts::read(&config).map_err(|it| tell(&it))?;
        (texts.schemas, config.listen.limits)
    } else {
        (Files::from_shipped(schemas::SHIPPED), Limits::default())
    };
    let catalogs = Catalogs::load(&files, "national").map_err(|it| tell(&it))?;
    Ok((catalogs, limits))
}

fn give(draft: &Draft, name: &str, out: Option<&Path>) -> Exit {
    let Some(folder) = out else {
        say!("{}", draft.mapping.trim_end());
        for (path, text) in &draft.code_maps {
            say!("\n# {path}:\n{}", commented(text));
        }
        return Exit::Ok;
    };
    let mapping = (format!("{name}.toml"), draft.mapping.clone());
    for (path, text) in std::iter::once(&mapping).chain(&draft.code_maps) {
        if let Err(error) = write(&folder.join(path), text) {
            eprintln!("{}: {error}", folder.join(path).display());
            return Exit::Unavailable;
        }
        say!("{}", folder.join(path).display());
    }
    Exit::Ok
}

/// Somebody may have worked on what is there.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}

fn commented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|it| format!("#   {it}")).collect();
    lines.join("\n")
}
