//! Reads a description that a hospital hands over, and says what of it is unsure.
//!
//! Old descriptions are many-sided, and only some of it shows on the wire: the namespace of the
//! elements, the names, the action, the style. What cannot be told, or would be written otherwise
//! than the old service did, is a doubt for a person to look at.

mod nodes;

use std::sync::Arc;

use self::nodes::{
    At, SCHEMA, SOAP, SOAP12, WSDL, Whole, all, attribute, descendants, inside, is, local,
    outermost_elements, read, text,
};
use super::SoapVersion;
use super::service::{
    SoapHolds, SoapOperation, SoapPart, SoapReply, SoapService, SoapStyle, is_xml_name,
};
use crate::document::{Document, Kind, NodeId};
use crate::error::DecodeError;

/// What a description says.
#[derive(Clone, Debug)]
pub struct SoapImport {
    /// The service.
    pub service: SoapService,
    /// The paths of its addresses, one for each that it names.
    pub paths: Vec<String>,
    /// What a person should look at, in Chinese.
    pub doubts: Vec<String>,
}

/// The documents that a description imports, as it names them.
pub fn wsdl_imports(bytes: &[u8]) -> Result<Vec<String>, DecodeError> {
    let document = read(bytes)?;
    let all = all(&document);
    let imports = all.iter().filter(|it| {
        matches!(document.name(**it), "import" | "include") && document.kind(**it) == Kind::Element
    });
    let place = |it: &NodeId| {
        let place = attribute(&document, *it, "schemaLocation");
        place.or_else(|| attribute(&document, *it, "location")).map(str::to_owned)
    };
    Ok(imports.filter_map(place).collect())
}

/// Reads a description; the first of `parts` is the one that was given, the others it imports.
/// `None` when there is no SOAP in it.
pub fn import_wsdl(parts: &[&[u8]]) -> Result<Option<SoapImport>, DecodeError> {
    let documents: Vec<Document> = parts.iter().map(|it| read(it)).collect::<Result<_, _>>()?;
    Ok(Whole::new(&documents).import())
}

impl<'d> Whole<'d> {
    fn import(&self) -> Option<SoapImport> {
        let mut doubts = Vec::new();
        let mut bindings = self.of(WSDL, "binding").filter_map(|it| {
            let version = [(SOAP, SoapVersion::V11), (SOAP12, SoapVersion::V12)];
            let of =
                |(uri, version)| inside(it, uri, "binding").next().map(|told| (it, told, version));
            version.into_iter().find_map(of)
        });
        let bindings: Vec<_> = bindings.by_ref().collect();
        let (binding, told, version) = *bindings.first()?;
        let described: Vec<SoapVersion> = [SoapVersion::V11, SoapVersion::V12]
            .into_iter()
            .filter(|it| bindings.iter().any(|(_, _, version)| version == it))
            .collect();
        let of_one = bindings.iter().filter(|(_, _, it)| *it == version).count();
        if of_one > 1 {
            doubts.push(format!(
                "有 {of_one} 个 SOAP 绑定，用了第一个 {}；其余请另建通道",
                text(binding, "name")
            ));
        }
        let uri = if version == SoapVersion::V11 { SOAP } else { SOAP12 };
        let mut service = self.frame(binding, told, uri, &mut doubts);
        service.described = described;
        service.describes_forms = self.takes_forms();
        doubts.extend(bindings.iter().filter(|it| asks_for_more(it.0)).map(|it| {
            let name = text(it.0, "name");
            format!("{name} 带着 WS-Policy（WCF 的 wsHttpBinding 一类，要 WS-Addressing 或消息安全），前置机不按它答")
        }));
        for operation in inside(binding, WSDL, "operation") {
            let operation = self.operation(operation, uri, &service, &mut doubts);
            service.operations.push(operation);
        }
        Some(SoapImport { service, paths: self.paths(), doubts })
    }

    /// Axis2 gives each version an address of its own; .NET one for both.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for address in [SOAP, SOAP12].into_iter().flat_map(|uri| self.of(uri, "address")) {
            let path = path_of(text(address, "location"));
            paths.extend(path.filter(|it| !paths.contains(it)));
        }
        paths
    }

    /// Whether an operation takes the form that browsers send; Axis2's binding to HTTP takes XML.
    fn takes_forms(&self) -> bool {
        let mut bindings = self
            .of(WSDL, "binding")
            .filter(|it| inside(*it, HTTP, "binding").any(|it| text(it, "verb") == "POST"));
        bindings.any(|it| {
            let contents = descendants(it).into_iter().filter(|it| is(*it, MIME, "content"));
            contents.map(|it| text(it, "type")).any(|it| it == FORM)
        })
    }

    /// Everything but the operations.
    fn frame(
        &self,
        binding: At<'d>,
        told: At<'d>,
        uri: &'static str,
        doubts: &mut Vec<String>,
    ) -> SoapService {
        let target =
            self.of(WSDL, "definitions").next().map_or("", |it| text(it, "targetNamespace"));
        let bodies: Vec<At<'d>> =
            descendants(binding).into_iter().filter(|it| is(*it, uri, "body")).collect();
        let is_encoded = bodies.iter().any(|it| text(*it, "use") == "encoded");
        let styles = descendants(binding).into_iter().filter(|it| is(*it, uri, "operation"));
        let is_rpc = text(told, "style") == "rpc"
            || styles.map(|it| text(it, "style").to_owned()).any(|it| it == "rpc");
        let schema = self.schema(binding);
        let style = match (is_rpc, is_encoded) {
            (true, true) => SoapStyle::Encoded,
            (true, false) => SoapStyle::Rpc,
            _ if self.is_wrapped(binding) => SoapStyle::Document,
            _ => SoapStyle::Bare,
        };
        let namespace = if style.is_rpc() {
            let mut own = bodies.iter().map(|it| text(*it, "namespace"));
            own.find(|it| !it.is_empty()).unwrap_or(target)
        } else {
            schema.map_or(target, |it| text(it, "targetNamespace"))
        };
        if namespace != target {
            doubts.push(format!(
                "WSDL 的 targetNamespace 是 {target}，报文里用的是 {namespace}，以后者为准"
            ));
        }
        if !is_rpc && is_encoded {
            doubts.push("document/encoded 没有客户端支持，按 document/literal 处理".to_owned());
        }
        let name = self.of(WSDL, "service").next().map_or("Service", |it| text(it, "name"));
        SoapService {
            name: if is_xml_name(name) { name.to_owned() } else { "Service".to_owned() },
            namespace: namespace.to_owned(),
            also: Vec::new(),
            style,
            is_qualified: schema.is_some_and(|it| text(it, "elementFormDefault") == "qualified"),
            described: Vec::new(),
            describes_forms: false,
            answers_as_called: false,
            operations: Vec::new(),
        }
    }

    /// The schema that has an element of the operations' messages. Others may stand before it: WCF adds one of
    /// its own types to every description.
    fn schema(&self, binding: At<'d>) -> Option<At<'d>> {
        let wrappers: Vec<String> = inside(binding, WSDL, "operation")
            .flat_map(|it| self.parts(text(it, "name"), "input"))
            .map(|it| it.1)
            .collect();
        let elements = |it: &At<'d>| inside(*it, SCHEMA, "element").map(|it| text(it, "name"));
        let has_one = |it: &At<'d>| elements(it).any(|it| wrappers.iter().any(|name| name == it));
        let any = || self.of(SCHEMA, "schema").find(|it| elements(it).next().is_some());
        self.of(SCHEMA, "schema").find(has_one).or_else(any)
    }

    /// Whether the operations' messages have an element of the operation's own name.
    fn is_wrapped(&self, binding: At<'d>) -> bool {
        inside(binding, WSDL, "operation").any(|it| {
            let name = text(it, "name");
            self.parts(name, "input").iter().any(|(_, element)| element == name)
        })
    }

    /// Names and elements of the parts of an operation's message.
    fn parts(&self, operation: &str, direction: &'static str) -> Vec<(String, String)> {
        let told =
            |it: &At<'d>| (text(*it, "name").to_owned(), local(text(*it, "element")).to_owned());
        self.parts_at(operation, direction).iter().map(told).collect()
    }

    fn parts_at(&self, operation: &str, direction: &'static str) -> Vec<At<'d>> {
        let port = self
            .of(WSDL, "portType")
            .flat_map(|it| inside(it, WSDL, "operation"))
            .find(|it| text(*it, "name") == operation);
        let message = port
            .and_then(|it| inside(it, WSDL, direction).next())
            .map(|it| local(text(it, "message")));
        let message = message.and_then(|it| self.named(WSDL, "message", it));
        message.map(|it| inside(it, WSDL, "part").collect()).unwrap_or_default()
    }

    /// The parts of a message of rpc are the parameters themselves.
    fn rpc_parts(
        &self,
        operation: &str,
        direction: &'static str,
        doubts: &mut Vec<String>,
    ) -> Vec<Named> {
        let parts = self.parts_at(operation, direction);
        for part in &parts {
            doubts.extend(doubt_of_type(operation, direction, *part));
        }
        parts.into_iter().map(named).collect()
    }

    /// The parts of a bare message are elements.
    fn bare_parts(
        &self,
        operation: &str,
        direction: &'static str,
        doubts: &mut Vec<String>,
    ) -> Vec<Named> {
        let elements = self.parts(operation, direction).into_iter().map(|it| it.1);
        let top = |it: &At<'d>| it.0.parent(it.1).is_some_and(|up| it.0.name(up) == "schema");
        let mut kind = |name: &str| {
            let mut tops = self.of(SCHEMA, "element").filter(top);
            let element = tops.find(|it| text(*it, "name") == name)?;
            doubts.extend(doubt_of_type(operation, direction, element));
            Some(local(text(element, "type")).to_owned())
        };
        elements.map(|name| Named { kind: kind(&name).unwrap_or_default(), name }).collect()
    }

    fn operation(
        &self,
        at: At<'d>,
        uri: &'static str,
        service: &SoapService,
        doubts: &mut Vec<String>,
    ) -> SoapOperation {
        let name = text(at, "name");
        let action = inside(at, uri, "operation").next().map_or("", |it| text(it, "soapAction"));
        let names = |direction, doubts: &mut Vec<String>| match service.style {
            SoapStyle::Document => self.children(name, direction, doubts),
            SoapStyle::Bare => self.bare_parts(name, direction, doubts),
            SoapStyle::Rpc | SoapStyle::Encoded => self.rpc_parts(name, direction, doubts),
        };
        let parameters = names("input", doubts).into_iter().map(|it| it.name).collect();
        let mut results = names("output", doubts);
        if results.is_empty() {
            doubts.push(format!("{name} 没有结果，按 {name}Result 写；单向方法的客户端不读它"));
            results.push(Named { name: format!("{name}Result"), kind: String::new() });
        }
        let text_at = results.iter().rposition(|it| it.holds().is_none());
        let of_text = results.iter().filter(|it| it.holds().is_none()).count();
        if of_text > 1 {
            doubts.push(format!(
                "{name} 有 {} 个结果：猜最后一个放正文，其余放代码，请核对 results",
                results.len()
            ));
        }
        let guess = |at| if Some(at) == text_at { SoapHolds::Text } else { SoapHolds::Code };
        let results = results.into_iter().enumerate().map(|(position, it)| SoapPart {
            holds: it.holds().unwrap_or_else(|| guess(position)),
            name: it.name,
        });
        let response = self
            .parts(name, "output")
            .into_iter()
            .map(|it| it.1)
            .find(|it| !it.is_empty() && service.style == SoapStyle::Document);
        SoapOperation {
            name: name.to_owned(),
            parameters,
            action: action.to_owned(),
            reply: Arc::new(SoapReply {
                response: response.unwrap_or_else(|| format!("{name}Response")),
                results: results.collect(),
                style: service.style,
                is_qualified: service.is_qualified,
            }),
        }
    }

    /// The elements inside the element of a wrapped message.
    fn children(
        &self,
        operation: &str,
        direction: &'static str,
        doubts: &mut Vec<String>,
    ) -> Vec<Named> {
        let wrapper =
            self.parts(operation, direction).into_iter().map(|it| it.1).find(|it| !it.is_empty());
        let Some(wrapper) = wrapper else { return Vec::new() };
        let top = |it: &At<'d>| it.0.parent(it.1).is_some_and(|up| it.0.name(up) == "schema");
        let element =
            self.of(SCHEMA, "element").filter(top).find(|it| text(*it, "name") == wrapper);
        let Some(element) = element else {
            doubts.push(format!("找不到元素 {wrapper} 的定义：它在没有给出的 schema 里"));
            return Vec::new();
        };
        let inner = match local(text(element, "type")) {
            "" => element,
            of => self.named(SCHEMA, "complexType", of).unwrap_or(element),
        };
        let mut names = Vec::new();
        for child in outermost_elements(inner) {
            doubts.extend(doubt_of_type(operation, direction, child));
            names.push(named(child));
        }
        names
    }
}

/// A parameter or a result.
struct Named {
    name: String,
    /// Its type, as far as it is told beside it.
    kind: String,
}

impl Named {
    /// What a result holds that is no text.
    fn holds(&self) -> Option<SoapHolds> {
        let number = |is_long| SoapHolds::Number { well: 0, wrong: -1, is_long };
        match self.kind.as_str() {
            "int" | "integer" | "short" => Some(number(false)),
            "long" => Some(number(true)),
            "boolean" => Some(SoapHolds::Truth),
            _ => None,
        }
    }
}

fn named(at: At<'_>) -> Named {
    Named { name: name_of(at).to_owned(), kind: local(text(at, "type")).to_owned() }
}

/// What is unsure about a parameter or a result that is no string. Of parameters, numbers and the like are
/// read from a text like any string. Of results, a number or a truth will be one, but what it means to the
/// client only the old service knows; anything else will be described as a string, and a client that reads
/// something else from it stumbles.
fn doubt_of_type(operation: &str, direction: &str, at: At<'_>) -> Option<String> {
    let name = name_of(at);
    let kind = match local(text(at, "type")) {
        "" if descendants(at).into_iter().any(|it| is(it, SCHEMA, "complexType")) => "complexType",
        kind => kind,
    };
    let (what, is_sure) = match direction {
        "output" => ("结果", matches!(kind, "" | "string")),
        _ => ("参数", kind.is_empty() || SIMPLE.contains(&kind)),
    };
    if direction == "output" && named(at).holds().is_some() {
        return Some(format!(
            "{operation} 的结果 {name} 是 {kind} 类型：收下是 0（true），别的是 -1（false），请对照原服务的约定改 results"
        ));
    }
    let doubt = || {
        format!(
            "{operation} 的{what} {name} 是 {kind} 类型，不是字符串：WSDL 里会写成字符串，请核对客户端"
        )
    };
    (!is_sure).then(doubt)
}

/// Types that are read from a text like any string.
const SIMPLE: [&str; 6] = ["string", "int", "integer", "long", "boolean", "decimal"];

fn name_of(at: At<'_>) -> &str {
    match text(at, "name") {
        "" => local(text(at, "ref")),
        name => name,
    }
}

/// Whether a binding refers to a policy.
fn asks_for_more(binding: At<'_>) -> bool {
    descendants(binding).into_iter().any(|(document, id)| document.name(id) == "PolicyReference")
}

const HTTP: &str = "http://schemas.xmlsoap.org/wsdl/http/";
const MIME: &str = "http://schemas.xmlsoap.org/wsdl/mime/";
const FORM: &str = "application/x-www-form-urlencoded";

/// The path of an address, without what stands behind `?`.
fn path_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let path = rest.find('/').and_then(|at| rest.get(at..))?;
    let path = path.split(['?', '#']).next()?.trim_end_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}
