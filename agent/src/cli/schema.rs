//! `his-agent schema export`: the dictionary and the interfaces, for other programs and for people.

use clap::{Subcommand, ValueEnum};
use mappings::Catalogs;
use schemas::{Catalog, Files, export};

use super::{Exit, tell};
use crate::asyncapi;
use crate::openapi::{self, Door};

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
        /// 哪个门，用于 openapi | which door, with openapi
        #[arg(long, value_enum, default_value = "his")]
        door: Door,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// 记录 | of records
    JsonSchema,
    /// 给人看的数据元目录 | the dictionary for people
    Markdown,
    /// 映射文件，供编辑器补全和检查 | of mapping files, for editors to complete and check
    MappingSchema,
    /// 各地址的请求和答复，OpenAPI 3.1 | requests and answers of the doors, OpenAPI 3.1
    Openapi,
    /// 与平台之间的 AMQP 消息，AsyncAPI 3.0 | the messages between agent and platform, AsyncAPI 3.0
    Asyncapi,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Action::Export { form, profile, door } = &arguments.action;
    if matches!(form, Form::Openapi) {
        let document = openapi::document(*door);
        return print(&serde_json::to_string_pretty(&document).unwrap_or_default());
    }
    let files = Files::from_shipped(schemas::SHIPPED);
    if matches!(form, Form::MappingSchema) {
        return match Catalogs::load(&files, profile) {
            Ok(catalogs) => print(&mappings::editor_schema(&catalogs, profile)),
            Err(problems) => tell(&problems),
        };
    }
    let catalog = match Catalog::load(&files, profile) {
        Ok(catalog) => catalog,
        Err(problems) => return tell(&problems),
    };
    match form {
        Form::Markdown => print(&export::markdown(&catalog)),
        Form::Asyncapi => print(&format!("{:#}", asyncapi::document(&catalog))),
        Form::JsonSchema | Form::MappingSchema | Form::Openapi => {
            print(&export::json_schema(&catalog))
        }
    }
}

fn print(text: &str) -> Exit {
    say!("{}", text.trim_end());
    Exit::Ok
}
