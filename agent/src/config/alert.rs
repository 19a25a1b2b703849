//! `[alerts]` and `[[alert]]`: what somebody should look at, and who is told of it, when and how.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mappings::RecordTemplate;

use super::secrets;
use super::section::{Complaints, Section};
use crate::alerts::{FACILITIES, Manner, SHIPPED, Severity, SyslogAddress, Window};
use crate::relay::Target;

/// `[alerts]`
#[derive(Clone, Debug)]
pub struct AlertsConfig {
    /// How long a condition must last to be an alert.
    pub hold: Duration,
    /// How long it must be away to be over.
    pub clear: Duration,
    /// Hours of outage that the disk should do for.
    pub capacity_hours: u64,
    /// Who is told.
    pub targets: Vec<AlertTarget>,
}

/// `[[alert]]`
#[derive(Clone, Debug)]
pub struct AlertTarget {
    /// How commands and logs name it.
    pub name: String,
    /// When and how often.
    pub(crate) manner: Manner,
    /// How long one notice may take.
    pub timeout: Duration,
    /// By which way.
    pub way: AlertWay,
}

/// How a target is told.
#[derive(Clone, Debug)]
pub enum AlertWay {
    /// By the hospital's mail server.
    Mail(MailConfig),
    /// By a POST.
    Webhook(Box<WebhookConfig>),
    /// By a line of syslog.
    Syslog(SyslogConfig),
}

/// A mail server, and whose mail it is.
#[derive(Clone)]
pub struct MailConfig {
    /// Host and port.
    pub server: (String, u16),
    /// How the conversation is sealed.
    pub security: MailSecurity,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Who sends.
    pub from: String,
    /// Who is told.
    pub to: Vec<String>,
    /// The certificates that are trusted.
    pub ca_file: Option<PathBuf>,
}

/// How a conversation with a mail server is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// Not at all.
    None,
    /// After the greeting.
    StartTls,
    /// From the first byte.
    Tls,
}

/// Where a notice is posted, and in which words.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The address; it may hold the robot's key.
    pub url: Target,
    /// The body; the notice itself as JSON without one.
    pub template: Option<Arc<RecordTemplate>>,
    /// What the body is said to be.
    pub content_type: String,
    /// DingTalk's key for signing.
    pub sign_key: Option<String>,
    /// Secret headers.
    pub headers: Vec<(String, String)>,
    /// What the answer to a notice that was taken has in it.
    pub answer_has: Option<String>,
    /// The certificates that are trusted.
    pub ca_file: Option<PathBuf>,
}

/// A syslog server.
#[derive(Clone, Debug)]
pub struct SyslogConfig {
    /// Where it listens.
    pub address: SyslogAddress,
    /// What it sorts lines by.
    pub facility: u8,
}

impl AlertWay {
    /// The certificates that are trusted.
    pub(crate) fn ca_file(&self) -> Option<&Path> {
        match self {
            AlertWay::Mail(it) => it.ca_file.as_deref(),
            AlertWay::Webhook(it) => it.ca_file.as_deref(),
            AlertWay::Syslog(_) => None,
        }
    }

    /// The word in the configuration.
    pub const fn kind(&self) -> &'static str {
        match self {
            AlertWay::Mail(_) => "mail",
            AlertWay::Webhook(_) => "webhook",
            AlertWay::Syslog(_) => "syslog",
        }
    }
}

impl fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, security) = (&self.server, self.security);
        write!(f, "MailConfig({server:?}, {security:?}, {} to {:?})", self.from, self.to)
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path may hold a key.
        write!(f, "WebhookConfig({}:{})", self.url.host, self.url.port)
    }
}

pub(super) fn alerts(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> AlertsConfig {
    let mut section = root.section("alerts", to);
    let mut alerts = AlertsConfig {
        hold: section.duration("hold_ms", 30_000, 100..=3_600_000, to),
        clear: section.duration("clear_ms", 120_000, 100..=3_600_000, to),
        capacity_hours: section.number("capacity_hours", 24, 0..=8_760, to),
        targets: Vec::new(),
    };
    section.finish(to);
    for mut section in root.sections("alert", to) {
        let target = target(&mut section, to);
        let name = section.offset_of("name");
        section.finish(to);
        let Some(target) = target else { continue };
        if alerts.targets.iter().any(|it| it.name == target.name) {
            to.error("A008", name, format!("there is another alert `{}`", target.name));
        }
        alerts.targets.push(target);
    }
    alerts
}

fn target(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<AlertTarget> {
    let name = section.required("name", to);
    let manner = manner(section, to);
    let timeout = section.duration("timeout_ms", 10_000, 100..=120_000, to);
    // Every key is read whatever the kind: one of another kind is told as such, not as unknown.
    let given = Given::read(section, to);
    let kind = section.required("kind", to);
    let way = match kind.as_str() {
        "mail" => given.mail(section, to).map(AlertWay::Mail),
        "webhook" => given.webhook(section, to).map(|it| AlertWay::Webhook(Box::new(it))),
        "syslog" => given.syslog(section, to).map(AlertWay::Syslog),
        "" => None,
        other => {
            let message = format!("`kind` must be mail, webhook or syslog, not `{other}`");
            to.error("A004", section.offset_of("kind"), message);
            None
        }
    };
    foreign(&kind, section, to);
    Some(AlertTarget { name, manner, timeout, way: way? })
}

fn manner(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Manner {
    let mut windows = Vec::new();
    for text in section.texts("windows", to) {
        match Window::parse(&text) {
            Ok(window) => windows.push(window),
            Err(why) => to.error("A004", section.offset_of("windows"), format!("`windows`: {why}")),
        }
    }
    Manner {
        windows,
        severity: section.parsed("severity", Severity::Warning, "warning or critical", to),
        group: section.duration("group_ms", 30_000, 0..=3_600_000, to),
        repeat: section.duration("repeat_ms", 14_400_000, 0..=604_800_000, to),
        hourly_max: section.size("hourly_max", 20, 1..=1_000, to),
    }
}

/// The keys of all kinds, as they were given.
struct Given {
    url: Option<String>,
    template: Option<String>,
    content_type: Option<String>,
    sign_key: Option<String>,
    headers: Vec<(String, String)>,
    answer_has: Option<String>,
    ca_file: Option<PathBuf>,
    server: Option<String>,
    security: Option<String>,
    user: Option<String>,
    password: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    address: Option<String>,
    facility: Option<String>,
}

/// Which kind knows which keys.
const KEYS: [(&str, &[&str]); 3] = [
    (
        "webhook",
        &["url", "template", "content_type", "sign_key", "headers", "answer_has", "ca_file"],
    ),
    ("mail", &["server", "security", "user", "password", "from", "to", "ca_file"]),
    ("syslog", &["address", "facility"]),
];

/// Keys that mean nothing with this kind.
fn foreign(kind: &str, section: &Section<'_, '_>, to: &mut Complaints<'_>) {
    let Some((_, own)) = KEYS.iter().find(|(it, _)| *it == kind) else { return };
    let others = KEYS.iter().flat_map(|(_, keys)| *keys).filter(|it| !own.contains(it));
    for key in others.filter(|it| section.gives(it)) {
        let message = format!("`{key}` means nothing with kind = \"{kind}\"");
        to.error("A004", section.offset_of(key), message);
    }
}

impl Given {
    fn read(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Given {
        Given {
            url: secrets::hook_secret(section, "url", to),
            template: section.text("template", to),
            content_type: section.text("content_type", to),
            sign_key: secrets::named_secret(section, "sign_key", to),
            headers: secrets::headers(section, to),
            answer_has: section.text("answer_has", to),
            ca_file: section.text("ca_file", to).map(Into::into),
            server: section.text("server", to),
            security: section.text("security", to),
            user: section.text("user", to),
            password: secrets::named_secret(section, "password", to),
            from: section.text("from", to),
            to: section.texts("to", to),
            address: section.text("address", to),
            facility: section.text("facility", to),
        }
    }

    fn webhook(self, section: &Section<'_, '_>, to: &mut Complaints<'_>) -> Option<WebhookConfig> {
        // Its file could not be read, and that is told.
        if self.url.as_deref() == Some("") {
            return None;
        }
        let url = needed(self.url, "url", section, to)?;
        let url = url.parse::<Target>().map_err(|why| {
            let message =
                format!("`url` must be an address such as \"http://10.0.0.9/hook\": {why}");
            to.error("A004", section.offset_of("url"), message);
        });
        let url = url.ok()?;
        if url.tls && self.ca_file.is_none() {
            let message = "`url` is https: `ca_file` names the certificates to trust, on Debian \
                           \"/etc/ssl/certs/ca-certificates.crt\"";
            to.error("A005", section.offset_of("url"), message.to_owned());
        }
        let (template, usual) = match &self.template {
            Some(name) => {
                let (template, usual) = template(name, section, to)?;
                (Some(Arc::new(template)), usual)
            }
            None => (None, None),
        };
        let content_type = self.content_type;
        Some(WebhookConfig {
            url,
            template,
            content_type: content_type.unwrap_or_else(|| CONTENT_TYPE.to_owned()),
            sign_key: self.sign_key,
            headers: self.headers,
            answer_has: self.answer_has.or(usual),
            ca_file: self.ca_file,
        })
    }

    fn mail(self, section: &Section<'_, '_>, to: &mut Complaints<'_>) -> Option<MailConfig> {
        let server = needed(self.server, "server", section, to)?;
        let parts = server.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse::<u16>().ok().filter(|it| *it > 0)?;
            (!host.is_empty()).then(|| (host.to_owned(), port))
        });
        let Some(server) = parts else {
            let message =
                "`server` must be a host and a port, such as \"mail.example:587\"".to_owned();
            to.error("A004", section.offset_of("server"), message);
            return None;
        };
        let security = security(self.security.as_deref(), section, to)?;
        if security != MailSecurity::None && self.ca_file.is_none() {
            let message = "`security` is TLS: `ca_file` names the certificates to trust".to_owned();
            to.error("A005", section.offset_of("security"), message);
        }
        let login = self.user.zip(self.password);
        if login.is_some() && security == MailSecurity::None && !is_this_machine(&server.0) {
            let message = "a password goes to another machine over TLS only: security = \"starttls\" \
                           or \"tls\"";
            to.error("A004", section.offset_of("password"), message.to_owned());
        }
        let from = needed(self.from, "from", section, to)?;
        if self.to.is_empty() {
            to.error("A005", section.offset_of("to"), "[alert] needs `to`".to_owned());
        }
        for (key, it) in self.to.iter().map(|it| ("to", it)).chain([("from", &from)]) {
            if !is_mail_address(it) {
                let message = format!("`{key}` has `{it}`, which is no mail address");
                to.error("A004", section.offset_of(key), message);
            }
        }
        Some(MailConfig { server, security, login, from, to: self.to, ca_file: self.ca_file })
    }

    fn syslog(self, section: &Section<'_, '_>, to: &mut Complaints<'_>) -> Option<SyslogConfig> {
        let address = needed(self.address, "address", section, to)?;
        let address = address.parse::<SyslogAddress>().map_err(|form| {
            to.error("A004", section.offset_of("address"), format!("`address` must be {form}"));
        });
        let facility = self.facility.as_deref().unwrap_or("local0");
        let known = FACILITIES.iter().find(|(name, _)| *name == facility);
        if known.is_none() {
            let names: Vec<&str> = FACILITIES.iter().map(|it| it.0).collect();
            let message = format!("`facility` must be one of {}", names.join(", "));
            to.error("A004", section.offset_of("facility"), message);
        }
        Some(SyslogConfig { address: address.ok()?, facility: known?.1 })
    }
}

fn needed(
    text: Option<String>,
    key: &str,
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<String> {
    let text = text.filter(|it| !it.trim().is_empty());
    if text.is_none() {
        to.error("A005", section.offset_of(key), format!("[alert] needs `{key}`"));
    }
    text
}

/// A shipped body by its name, or a file; and what its answer has in it.
fn template(
    name: &str,
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<(RecordTemplate, Option<String>)> {
    let place = section.offset_of("template");
    let shipped = SHIPPED.iter().find(|(it, ..)| *it == name);
    let (source, usual) = match shipped {
        Some((_, source, answer)) => ((*source).to_owned(), Some((*answer).to_owned())),
        None => match std::fs::read_to_string(name) {
            Ok(text) => (text, None),
            Err(error) => {
                let message = format!("`template` is wecom, dingtalk or a file; {name}: {error}");
                to.error("A001", place, message);
                return None;
            }
        },
    };
    match RecordTemplate::parse(&source) {
        Ok(template) => Some((template, usual)),
        Err(why) => {
            to.error("A004", place, format!("`template` {name}: {why}"));
            None
        }
    }
}

fn security(
    word: Option<&str>,
    section: &Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<MailSecurity> {
    match word.unwrap_or("starttls") {
        "starttls" => Some(MailSecurity::StartTls),
        "tls" => Some(MailSecurity::Tls),
        "none" => Some(MailSecurity::None),
        other => {
            let message = format!("`security` must be starttls, tls or none, not `{other}`");
            to.error("A004", section.offset_of("security"), message);
            None
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// It stands in a line of the mail's conversation.
fn is_mail_address(text: &str) -> bool {
    let is_plain = text.bytes().all(|it| it.is_ascii_graphic() && !b"<>,;\"".contains(&it));
    is_plain
        && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

const CONTENT_TYPE: &str = "application/json; charset=utf-8";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::config::proving::told_of;

    const HOOK: &str = "name = \"it\"\nkind = \"webhook\"\nurl = \"http://10.0.0.9/hook\"";
    const MAIL: &str = "name = \"it\"\nkind = \"mail\"\nserver = \"127.0.0.1:25\"\nsecurity = \"none\"\nfrom = \"a@b\"\nto = [\"c@d\"]";
    const SYSLOG: &str = "name = \"it\"\nkind = \"syslog\"\naddress = \"udp://10.0.0.9:514\"";

    #[test]
    fn each_kind_has_its_keys() {
        for whole in [HOOK, MAIL, SYSLOG] {
            check(whole, "");
            check(
                &format!("{whole}\nseverity = \"loud\""),
                "`severity` must be warning or critical",
            );
            check(
                &format!("{whole}\nwindows = [\"mon\"]"),
                "`windows`: `mon`: write days and hours",
            );
        }
        check(&HOOK.replace("webhook", "pager"), "`kind` must be mail, webhook or syslog");
        check(
            &format!("{HOOK}\nserver = \"a:1\""),
            "`server` means nothing with kind = \"webhook\"",
        );
        check(&format!("{HOOK}\n[[alert]]\n{HOOK}"), "error[A008]: there is another alert `it`");
        check(&HOOK.replace("http:", "https:"), "error[A005]: `url` is https");
        check(&HOOK.replace("url", "# url"), "error[A005]: [alert] needs `url`");
        check(&format!("{HOOK}\ntemplate = \"wecom\""), "");
        check(&HOOK.replace("http://10.0.0.9/hook", ""), "error[A005]: [alert] needs `url`");
        check(&format!("{HOOK}\ntemplate = \"/no/such\""), "error[A001]: `template` is wecom");
        check(&HOOK.replace("hook\"", "hook?access_token=x\""), "error[A010]");
        check(&format!("{HOOK}\nsign_key = \"SEC\""), "error[A010]");
        check(&MAIL.replace("c@d", "c"), "`to` has `c`, which is no mail address");
        check(&MAIL.replace("c@d", "c@d> NOTIFY=NEVER"), "which is no mail address");
        check(&MAIL.replace("none", "tls"), "error[A005]: `security` is TLS");
        check(&MAIL.replace(":25", ""), "`server` must be a host and a port");
        check(&SYSLOG.replace("udp", "http"), "`address` must be udp://HOST:PORT");
        check(&format!("{SYSLOG}\nfacility = \"mail\""), "`facility` must be one of user, ");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[alert]]\n{lines}"), expected);
    }
}
