//! The description of a service, one self-contained document.
//!
//! Everything is qualified by a prefix, so that a target namespace may be empty or no URI. Nothing
//! is imported: imports are the first thing that fails behind a proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::SoapVersion;
use super::service::{SoapOperation, SoapService, SoapStyle};
use crate::escape_text;

/// Writes the description of a service that is reached at `address`.
pub fn wsdl(service: &SoapService, address: &str) -> String {
    let mut out = String::with_capacity(4_096);
    let writer = Writer { service, tns: if service.namespace.is_empty() { "" } else { "tns:" } };
    writer.definitions(&mut out);
    writer.types(&mut out);
    writer.messages(&mut out);
    writer.port_types(&mut out);
    for version in &service.described {
        writer.binding(*version, &mut out);
    }
    if service.describes_forms {
        writer.form_binding(&mut out);
    }
    writer.service(address, &mut out);
    out.push_str("</wsdl:definitions>");
    out
}

struct Writer<'a> {
    service: &'a SoapService,
    /// The prefix of what is ours; none where there is no namespace.
    tns: &'static str,
}

impl Writer<'_> {
    fn definitions(&self, out: &mut String) {
        out.push_str(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<wsdl:definitions \
             xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
             xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
             xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" \
             xmlns:http=\"http://schemas.xmlsoap.org/wsdl/http/\" \
             xmlns:mime=\"http://schemas.xmlsoap.org/wsdl/mime/\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"",
        );
        let name = &self.service.name;
        let _ = match escape_text(&self.service.namespace).as_str() {
            "" => writeln!(out, " name=\"{name}\">"),
            uri => writeln!(out, " xmlns:tns=\"{uri}\" targetNamespace=\"{uri}\" name=\"{name}\">"),
        };
    }

    /// The elements of the document styles. An rpc service has parts of simple types only.
    fn types(&self, out: &mut String) {
        let is_rpc = self.service.style.is_rpc();
        if is_rpc && !self.service.describes_forms {
            return;
        }
        let target = match escape_text(&self.service.namespace).as_str() {
            "" => String::new(),
            uri => format!(" targetNamespace=\"{uri}\""),
        };
        let form = if self.service.is_qualified { "qualified" } else { "unqualified" };
        let _ = writeln!(out, "<wsdl:types><xsd:schema elementFormDefault=\"{form}\"{target}>");
        match self.service.style {
            SoapStyle::Document => self.wrapped(out),
            SoapStyle::Bare => self.bare(out),
            SoapStyle::Rpc | SoapStyle::Encoded => {}
        }
        if self.service.describes_forms {
            self.values_of_forms(out);
        }
        out.push_str("</xsd:schema></wsdl:types>\n");
    }

    fn values_of_forms(&self, out: &mut String) {
        let kinds = self.service.operations.iter().map(|it| it.reply.of_forms().xsd());
        let kinds: BTreeSet<&str> = kinds.chain(["string"]).collect();
        for kind in kinds {
            let nil = if kind == "string" { " nillable=\"true\"" } else { "" };
            let _ = writeln!(out, "<xsd:element name=\"{kind}\"{nil} type=\"xsd:{kind}\"/>");
        }
    }

    fn wrapped(&self, out: &mut String) {
        for operation in &self.service.operations {
            wrapper(&operation.name, &parameters(operation), out);
            wrapper(&operation.reply.response, &results(operation), out);
        }
    }

    /// One element may serve several operations.
    fn bare(&self, out: &mut String) {
        let operations = self.service.operations.iter();
        let parts: BTreeMap<&str, &str> =
            operations.flat_map(|it| parameters(it).into_iter().chain(results(it))).collect();
        for (name, kind) in parts {
            let _ = writeln!(out, "<xsd:element name=\"{name}\" type=\"xsd:{kind}\"/>");
        }
    }

    fn messages(&self, out: &mut String) {
        for operation in &self.service.operations {
            let (name, response) = (&operation.name, &operation.reply.response);
            let (parameters, results) = (parameters(operation), results(operation));
            if !self.service.described.is_empty() {
                self.message(&format!("{name}SoapIn"), name, &parameters, out);
                self.message(&format!("{name}SoapOut"), response, &results, out);
            }
            if self.service.describes_forms {
                message(&format!("{name}HttpPostIn"), &simple(&parameters), out);
                let kind = operation.reply.of_forms().xsd();
                let body = format!("<wsdl:part name=\"Body\" element=\"{}{kind}\"/>", self.tns);
                message(&format!("{name}HttpPostOut"), &body, out);
            }
        }
    }

    fn message(&self, name: &str, wrapper: &str, parts: &[Part<'_>], out: &mut String) {
        let tns = self.tns;
        let parts = match self.service.style {
            SoapStyle::Document => {
                format!("<wsdl:part name=\"parameters\" element=\"{tns}{wrapper}\"/>")
            }
            SoapStyle::Bare => parts.iter().fold(String::new(), |mut out, (it, _)| {
                let _ = write!(out, "<wsdl:part name=\"{it}\" element=\"{tns}{it}\"/>");
                out
            }),
            SoapStyle::Rpc | SoapStyle::Encoded => simple(parts),
        };
        message(name, &parts, out);
    }

    fn port_types(&self, out: &mut String) {
        if !self.service.described.is_empty() {
            self.port_type("Soap", out);
        }
        if self.service.describes_forms {
            self.port_type("HttpPost", out);
        }
    }

    fn port_type(&self, kind: &str, out: &mut String) {
        let (tns, name) = (self.tns, &self.service.name);
        let _ = writeln!(out, "<wsdl:portType name=\"{name}{kind}\">");
        for SoapOperation { name, .. } in &self.service.operations {
            let _ = writeln!(
                out,
                "<wsdl:operation name=\"{name}\"><wsdl:input message=\"{tns}{name}{kind}In\"/>\
                 <wsdl:output message=\"{tns}{name}{kind}Out\"/></wsdl:operation>"
            );
        }
        out.push_str("</wsdl:portType>\n");
    }

    fn binding(&self, version: SoapVersion, out: &mut String) {
        let (tns, name) = (self.tns, &self.service.name);
        let (soap, kind) = prefix(version);
        let style = if self.service.style.is_rpc() { "rpc" } else { "document" };
        let _ = writeln!(
            out,
            "<wsdl:binding name=\"{name}{kind}\" type=\"{tns}{name}Soap\"><{soap}:binding \
             transport=\"http://schemas.xmlsoap.org/soap/http\" style=\"{style}\"/>"
        );
        let body = self.body(version);
        for SoapOperation { name, action, .. } in &self.service.operations {
            let action = escape_text(action);
            let _ = writeln!(
                out,
                "<wsdl:operation name=\"{name}\"><{soap}:operation soapAction=\"{action}\" \
                 style=\"{style}\"/><wsdl:input>{body}</wsdl:input><wsdl:output>{body}\
                 </wsdl:output></wsdl:operation>"
            );
        }
        out.push_str("</wsdl:binding>\n");
    }

    fn body(&self, version: SoapVersion) -> String {
        let (soap, _) = prefix(version);
        let namespace = match escape_text(&self.service.namespace).as_str() {
            "" => String::new(),
            uri => format!(" namespace=\"{uri}\""),
        };
        let encoding = match version {
            SoapVersion::V11 => "http://schemas.xmlsoap.org/soap/encoding/",
            SoapVersion::V12 => "http://www.w3.org/2003/05/soap-encoding",
        };
        match self.service.style {
            SoapStyle::Document | SoapStyle::Bare => format!("<{soap}:body use=\"literal\"/>"),
            SoapStyle::Rpc => format!("<{soap}:body use=\"literal\"{namespace}/>"),
            SoapStyle::Encoded => {
                format!("<{soap}:body use=\"encoded\"{namespace} encodingStyle=\"{encoding}\"/>")
            }
        }
    }

    fn form_binding(&self, out: &mut String) {
        let (tns, name) = (self.tns, &self.service.name);
        let _ = writeln!(
            out,
            "<wsdl:binding name=\"{name}HttpPost\" type=\"{tns}{name}HttpPost\">\
             <http:binding verb=\"POST\"/>"
        );
        for SoapOperation { name, .. } in &self.service.operations {
            let _ = writeln!(
                out,
                "<wsdl:operation name=\"{name}\"><http:operation location=\"/{name}\"/><wsdl:input>\
                 <mime:content type=\"application/x-www-form-urlencoded\"/></wsdl:input>\
                 <wsdl:output><mime:mimeXml part=\"Body\"/></wsdl:output></wsdl:operation>"
            );
        }
        out.push_str("</wsdl:binding>\n");
    }

    fn service(&self, address: &str, out: &mut String) {
        let (tns, name, address) = (self.tns, &self.service.name, escape_text(address));
        let _ = writeln!(out, "<wsdl:service name=\"{name}\">");
        let soap = self.service.described.iter().map(|it| prefix(*it));
        let form = self.service.describes_forms.then_some(("http", "HttpPost"));
        for (soap, kind) in soap.chain(form) {
            let _ = writeln!(
                out,
                "<wsdl:port name=\"{name}{kind}\" binding=\"{tns}{name}{kind}\">\
                 <{soap}:address location=\"{address}\"/></wsdl:port>"
            );
        }
        out.push_str("</wsdl:service>\n");
    }
}

const fn prefix(version: SoapVersion) -> (&'static str, &'static str) {
    match version {
        SoapVersion::V11 => ("soap", "Soap"),
        SoapVersion::V12 => ("soap12", "Soap12"),
    }
}

/// Name and type.
type Part<'a> = (&'a str, &'static str);

/// What a parameter is described as is read from a text anyway.
fn parameters(operation: &SoapOperation) -> Vec<Part<'_>> {
    operation.parameters.iter().map(|it| (it.as_str(), "string")).collect()
}

fn results(operation: &SoapOperation) -> Vec<Part<'_>> {
    operation.reply.results.iter().map(|it| (it.name.as_str(), it.holds.xsd())).collect()
}

/// An element around values. Strings may be missing; a number that may would be another method to .NET.
fn wrapper(name: &str, parts: &[Part<'_>], out: &mut String) {
    let _ = write!(out, "<xsd:element name=\"{name}\"><xsd:complexType><xsd:sequence>");
    for (part, kind) in parts {
        let least = if *kind == "string" { " minOccurs=\"0\"" } else { "" };
        let _ = write!(out, "<xsd:element name=\"{part}\" type=\"xsd:{kind}\"{least}/>");
    }
    out.push_str("</xsd:sequence></xsd:complexType></xsd:element>\n");
}

fn simple(parts: &[Part<'_>]) -> String {
    parts.iter().fold(String::new(), |mut out, (name, kind)| {
        let _ = write!(out, "<wsdl:part name=\"{name}\" type=\"xsd:{kind}\"/>");
        out
    })
}

fn message(name: &str, parts: &str, out: &mut String) {
    let _ = writeln!(out, "<wsdl:message name=\"{name}\">{parts}</wsdl:message>");
}
