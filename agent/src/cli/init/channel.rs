//! The first channel: from a message of the HIS, from the description of a service, or all shapes that
//! come with the program.

use super::super::{Exit, channel as wsdl, tell};
use super::{Arguments, read};
use crate::clock;
use crate::config::{Config, keys};
use crate::pipeline::{self, Inbound, Verdict};
use crate::sets::Sets;

/// A channel of the configuration to be.
#[derive(Debug)]
pub(super) struct Channel {
    /// As it stands in `agent.toml`.
    pub(super) text: String,
    /// Its name, for its address.
    pub(super) name: String,
    /// A message to try it with.
    pub(super) sample: Option<Vec<u8>>,
    /// Whether it answers calls of SOAP that are described.
    pub(super) is_soap: bool,
}

pub(super) fn of(arguments: &Arguments) -> Result<Channel, Exit> {
    let name = arguments.channel.clone();
    let sample = arguments.sample.as_deref().map(read).transpose()?;
    let shape = sample.as_deref().map(recognised).transpose()?.flatten();
    let mappings = shape.as_ref().map_or(Vec::new(), |it| vec![format!("{}/", it.vendor)]);
    if let Some(file) = &arguments.wsdl {
        let text = wsdl::described(file, &name, &mappings)?;
        return Ok(Channel { text, name, sample, is_soap: true });
    }
    if sample.is_none() {
        // Every shape has a channel of its own then, under its own name.
        let name = "platform".to_owned();
        return Ok(Channel { text: keys::shipped_channels(), name, sample, is_soap: false });
    }
    let format = shape.as_ref().and_then(|it| it.format.clone());
    let format = format.map_or(String::new(), |it| format!("format = \"{it}\"\n"));
    let list = toml::Value::from(mappings);
    let quoted = toml::Value::from(name.as_str());
    let text = format!("\n[[channel]]\nname = {quoted}\nmappings = {list}\n{format}");
    Ok(Channel { text, name, sample, is_soap: false })
}

/// The shipped shape that a message has.
struct Shape {
    vendor: String,
    format: Option<String>,
}

/// The shipped mappings that make most of a message; none may know it.
fn recognised(bytes: &[u8]) -> Result<Option<Shape>, Exit> {
    let config = Config::parse("agent.toml", &keys::example()).map_err(|it| tell(&it))?;
    let sets = Sets::load(&config).map_err(|it| tell(&it))?;
    let tried = sets.channels.iter().filter_map(|(name, channel)| {
        let inbound = Inbound {
            message_id: "init",
            received_at: clock::now(),
            org: &config.hospital.code,
            bytes,
            content_type: None,
        };
        let accepted = match pipeline::judge(channel, &inbound, &config.listen.limits) {
            Verdict::Accept(accepted) => accepted,
            Verdict::Park(parked) => parked.accepted,
            Verdict::Refuse(_) => return None,
        };
        Some((accepted.drafts.len(), name.clone()))
    });
    let Some((records, vendor)) = tried.max_by_key(|(records, _)| *records) else {
        eprintln!(
            "自带的映射都不认得这份报文，通道先用全部映射。起草一个：his-agent translate --infer 报文文件，见 docs/mapping.md"
        );
        return Ok(None);
    };
    say!("样例报文是 {vendor} 的样子，变成 {records} 条标准记录");
    let format = config.channels.iter().find(|it| it.name == vendor).map(|it| it.format);
    let format = format.filter(|it| *it != adapters::WireFormat::Auto);
    Ok(Some(Shape { vendor, format: format.map(|it| it.as_str().to_owned()) }))
}
