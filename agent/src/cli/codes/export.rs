//! `his-agent codes export`: the shipped mappings as files, so that somebody can change them.

use std::fs;
use std::path::PathBuf;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 目录；已有的文件不会被覆盖 | the folder; files that are there stay as they are
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (mut written, mut kept) = (0, 0);
    for (path, text) in mappings::SHIPPED {
        let target = arguments.dir.join(path);
        if target.exists() {
            kept += 1;
            continue;
        }
        let parent = target.parent().unwrap_or(&arguments.dir);
        if let Err(error) = fs::create_dir_all(parent).and_then(|()| fs::write(&target, text)) {
            eprintln!("{}: {error}", target.display());
            return Exit::Unavailable;
        }
        written += 1;
    }
    eprintln!(
        "{}: 写入 {written} 个文件，保留原有 {kept} 个；在 [sets] 里写 mappings = \"{0}\" 后重启生效",
        std::path::absolute(&arguments.dir).unwrap_or_else(|_| arguments.dir.clone()).display()
    );
    Exit::Ok
}
