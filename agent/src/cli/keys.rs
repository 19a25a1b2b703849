//! `his-agent keys`: the keys of the store. No key is ever shown, only its fingerprint.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::asking::{list, text, unanswered};
use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::master_key::MasterKey;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 用的是哪把密钥，旧内容重新加密到哪里了 | which keys are in use, and how far old values are sealed anew
    Status,
    /// 换数据密钥：新内容立即用新的，旧内容在后台重新加密，不停机 | a new data key; old values are sealed anew meanwhile
    Rotate,
    /// 换主密钥，不停机；随后把配置改成新的 | another master key; then name it in the configuration
    Master {
        /// 新主密钥的文件，先用 keys make 生成 | file of the new key, made by `keys make`
        file: PathBuf,
    },
    /// 生成一把主密钥，写入文件（权限 600；在 /etc/his-agent/secrets 里是 640，服务也读得到） | makes a master key, in a file that only its owner can read; in the packages' folder the service, too
    Make {
        /// 还没有的文件 | a file that is not there
        file: PathBuf,
    },
    /// 文件里主密钥的指纹 | the fingerprint of the master key in a file
    Show {
        /// 密钥文件 | file of a key
        file: PathBuf,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.action {
        Action::Make { file } => {
            return fingerprint(MasterKey::make_by_command(file).map_err(|it| (file, it)));
        }
        Action::Show { file } => {
            return fingerprint(MasterKey::read(file).map_err(|it| (file, it)));
        }
        Action::Status | Action::Rotate | Action::Master { .. } => {}
    }
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    match ask(&config, &arguments.action) {
        Ok(told) => {
            say!("{}", shown(&told));
            if matches!(arguments.action, Action::Master { .. }) {
                say!("下次启动要用新的主密钥：现在就把 [outbox] key 改成它，旧的留着读旧的备份");
            }
            Exit::Ok
        }
        Err(error) => unanswered(&error),
    }
}

fn ask(config: &Config, action: &Action) -> Result<Value, ControlError> {
    let socket = &config.control.socket;
    match action {
        Action::Rotate => client::post(socket, "/admin/v1/keys/rotate", &json!({})),
        Action::Master { file } => {
            // The daemon stands in another folder.
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            client::post(socket, "/admin/v1/keys/master", &json!({ "file": file }))
        }
        _ => client::get(socket, "/admin/v1/keys"),
    }
}

fn fingerprint(key: Result<MasterKey, (&PathBuf, std::io::Error)>) -> Exit {
    match key {
        Ok(key) => {
            say!("指纹 fingerprint {}", key.fingerprint());
            Exit::Ok
        }
        Err((file, error)) => {
            eprintln!("{}: {error}", file.display());
            Exit::Data
        }
    }
}

fn shown(told: &Value) -> String {
    let number = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
    let key = |it: &Value| {
        let id = it.get("id").and_then(Value::as_u64).unwrap_or(0);
        format!("数据密钥 {id}，生成于 {}", text(it, "made_at"))
    };
    let mut lines = vec![format!("主密钥指纹 {}", text(told, "master"))];
    lines.extend(list(told, "keys").map(key));
    let [looked_at, sealed, damaged] = ["looked_at", "sealed", "damaged"].map(number);
    let counts = format!("看过 {looked_at} 个值，重新加密 {sealed} 个，损坏 {damaged} 个");
    lines.push(match told.get("done") {
        Some(Value::Bool(true)) if damaged > 0 => {
            format!("读得出的内容已全部用最新的数据密钥加密，损坏的还是旧的（{counts}）")
        }
        Some(Value::Bool(true)) => format!("全部内容已用最新的数据密钥加密（{counts}）"),
        _ => format!("旧内容正在重新加密：{}，{counts}", text(told, "family")),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told() {
        let keys = json!([{ "id": 1, "made_at": "20261122101530" }]);
        let told =
            json!({ "master": "ab", "keys": keys, "done": true, "looked_at": 3, "sealed": 2 });
        check(
            &told,
            "主密钥指纹 ab\n数据密钥 1，生成于 20261122101530\n\
             全部内容已用最新的数据密钥加密（看过 3 个值，重新加密 2 个，损坏 0 个）",
        );
        let told = json!({ "master": "ab", "done": false, "family": "queue", "damaged": 1 });
        check(
            &told,
            "主密钥指纹 ab\n旧内容正在重新加密：queue，看过 0 个值，重新加密 0 个，损坏 1 个",
        );
    }

    #[track_caller]
    fn check(told: &Value, expected: &str) {
        assert_eq!(shown(told), expected);
    }
}
