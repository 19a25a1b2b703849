//! `his-agent schema export`: the dictionary for other programs and for people.

use clap::{Subcommand, ValueEnum};
use schemas::{Catalog, Files, export};

use super::{Exit, tell};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 写到标准输出 | to standard output
    Export {
        /// 形式 | form
        #[arg(long = "as", value_enum)]
        form: Form,
        /// 地区版本 | profile
        #[arg(long, default_value = "national")]
        profile: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    JsonSchema,
    Markdown,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Action::Export { form, profile } = &arguments.action;
    let catalog = match Catalog::load(&Files::from_shipped(schemas::SHIPPED), profile) {
        Ok(catalog) => catalog,
        Err(problems) => return tell(&problems),
    };
    let text = match form {
        Form::JsonSchema => export::json_schema(&catalog),
        Form::Markdown => export::markdown(&catalog),
    };
    say!("{}", text.trim_end());
    Exit::Ok
}
