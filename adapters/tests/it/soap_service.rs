//! Calls of a described service: what clients send, and what the mapping then sees.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::{
    Input, Limits, SoapCall, SoapOperation, SoapReply, SoapService, SoapStyle, SoapVersion,
    WireFormat, decode, default_action, import_wsdl, soap_answer, wsdl, wsdl_imports,
};

#[test]
fn parameters_are_found_however_they_are_written() {
    let told = "CallInterface {http://tempuri.org/} msgHeader=h msgBody=b";
    let called = |inner: &str| {
        body(&format!("<CallInterface xmlns='http://tempuri.org/'>{inner}</CallInterface>"))
    };
    check(&called("<msgHeader>h</msgHeader><msgBody>b</msgBody>"), "", told);
    check(&called("<msgHeader xmlns=''>h</msgHeader><msgBody xmlns=''>b</msgBody>"), "", told);
    let other = "CallInterface {http://tempuri.org/} msgBody=b msgHeader=h";
    check(&called("\n <msgBody>b</msgBody>\n <msgHeader>h</msgHeader>\n"), "", other);
    check(&called("<MSGHEADER>h</MSGHEADER><msgbody>b</msgbody>"), "", told);
    check(&called("<in0>h</in0><in1>b</in1>"), "", told);
    check(
        &called("<CallInterface><msgHeader>h</msgHeader><msgBody>b</msgBody></CallInterface>"),
        "",
        told,
    );
    // One name that is known and one that is not: nothing is guessed.
    check(
        &called("<msgHeader>h</msgHeader><x>b</x>"),
        "",
        "CallInterface {http://tempuri.org/} msgHeader=h x=b",
    );
    check(
        &body(
            "<m:CallInterface xmlns:m='http://tempuri.org/' \
             s:encodingStyle='http://schemas.xmlsoap.org/soap/encoding/' \
             xmlns:i='http://www.w3.org/2001/XMLSchema-instance' xmlns:x='http://www.w3.org/2001/XMLSchema'>\
             <msgHeader i:type='x:string'>h</msgHeader><msgBody href='#1'/></m:CallInterface>\
             <multiRef id='1'>b</multiRef>",
        ),
        "",
        told,
    );
}

/// A body of half a megabyte, in which every parameter refers to the last of as many elements.
#[test]
fn references_are_followed_in_bounded_time() {
    let began = Instant::now();
    let inner = format!(
        "<CallInterface xmlns='http://tempuri.org/'>{}</CallInterface>{}<r id='z'>b</r>",
        "<a href='#z'/>".repeat(20_000),
        "<r id='y'/>".repeat(20_000),
    );
    let told = picture(body(&inner).as_bytes(), "text/xml");
    assert_eq!(told.matches(" a=b").count(), 20_000);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    // A long text counts as often as it is referred to: so often it will be read.
    let long = |times| {
        let inner = format!(
            "<CallInterface xmlns='http://tempuri.org/'>{}</CallInterface><r id='z'>{}</r>",
            "<a href='#z'/>".repeat(times),
            "b".repeat(1 << 20),
        );
        picture(body(&inner).as_bytes(), "text/xml").chars().take(13).collect::<String>()
    };
    assert_eq!([long(10), long(11)], ["CallInterface", "D108"]);
    // What would hold itself stays empty.
    let inner =
        "<CallInterface xmlns='http://tempuri.org/' id='z'><msgBody href='#z'/></CallInterface>";
    check(&body(inner), "", "CallInterface {http://tempuri.org/} msgBody=");
}

#[test]
fn the_operation_is_the_first_element_and_then_the_action() {
    let told = "CallInterface {http://tempuri.org/} msgHeader=h msgBody=b";
    let inner = "<msgHeader>h</msgHeader><msgBody>b</msgBody>";
    let other =
        body(&format!("<t:callinterface xmlns:t='http://tempuri.org/'>{inner}</t:callinterface>"));
    check(&other, "", told);
    let foreign = body(&format!("<Request xmlns='http://tempuri.org/'>{inner}</Request>"));
    check(&foreign, "", "D605");
    check(&foreign, "http://tempuri.org/CallInterface", told);
    check(&foreign, "\"urn:CallInterface\"", told);
    check(&foreign, "urn:Other", "D605");
    // The first element is asked before the action.
    check(&other, "http://tempuri.org/HelloWorld", told);
    // The parameters themselves stand in the body.
    check(&body(inner), "", "CallInterface {http://tempuri.org/} msgHeader=h msgBody=b");
    check(&body(""), "http://tempuri.org/HelloWorld", "HelloWorld {http://tempuri.org/}");
    check(&body(""), "", "D604");
    // What SOAP::Lite writes when it is told the version too late.
    let bare =
        "<Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'><Body/></Envelope>";
    let service = service();
    let input =
        Input { service: Some(&service), ..Input::new(bare.as_bytes(), WireFormat::Auto, None) };
    let error = decode(&input, &Limits::default()).map(|_| ()).expect_err("no namespace");
    assert_eq!(error.code(), "D602");
}

#[test]
fn the_namespace_is_the_services_or_one_it_is_known_by() {
    let called = |uri: &str| body(&format!("<HelloWorld xmlns='{uri}'/>"));
    check(&called("http://tempuri.org/"), "", "HelloWorld {http://tempuri.org/}");
    check(&called(""), "", "HelloWorld {http://tempuri.org/}");
    check(&called("www.zysoft.com.cn"), "", "HelloWorld {www.zysoft.com.cn}");
    check(&called("http://tempuri.org"), "", "D606");
}

#[test]
fn forms_call_the_operation_of_their_address() {
    let as_form = "application/x-www-form-urlencoded; operation=CallInterface";
    let told = "CallInterface {http://tempuri.org/} msgHeader=<a/> msgBody=成功";
    assert_eq!(picture(b"msgHeader=%3Ca%2F%3E&msgBody=%E6%88%90%E5%8A%9F", as_form), told);
    assert_eq!(picture(b"msgheader=<a/>&MSGBODY=%B3%C9%B9%A6", as_form), told);
    let unknown = "application/x-www-form-urlencoded; operation=Nothing";
    assert_eq!(picture(b"a=1", unknown), "D605");
    let call = SoapCall { is_form: true, ..SoapCall::new(SoapVersion::V11, "u&", "F") };
    assert_eq!(
        soap_answer(&call, "<a/>"),
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><string xmlns=\"u&amp;\">&lt;a/&gt;</string>"
    );
}

#[test]
fn the_description_is_one_document_in_every_style() {
    for style in [SoapStyle::Document, SoapStyle::Bare, SoapStyle::Rpc, SoapStyle::Encoded] {
        for namespace in ["http://tempuri.org/", "WebService", ""] {
            let service = SoapService {
                style,
                namespace: namespace.to_owned(),
                describes_forms: true,
                ..service()
            };
            let text = wsdl(&service, "http://h:1/x?a=1&b=2");
            let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
            decode(&input, &Limits::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(!text.contains("import") && !text.contains("xmlns:tns=\"\""), "{text}");
            assert_eq!(text.contains("targetNamespace"), !namespace.is_empty());
            assert_eq!(text.matches("location=\"http://h:1/x?a=1&amp;b=2\"").count(), 3);
        }
    }
}

/// What we describe ourselves is read back as it was meant.
#[test]
fn a_description_is_imported_as_it_was_written() {
    for style in [SoapStyle::Document, SoapStyle::Bare, SoapStyle::Rpc, SoapStyle::Encoded] {
        let mut wanted = SoapService { style, also: Vec::new(), ..service() };
        wanted.is_qualified = !style.is_rpc();
        wanted.operations = wanted.operations.split_off(1);
        for operation in &mut wanted.operations {
            let is_qualified = wanted.is_qualified;
            operation.reply =
                Arc::new(SoapReply { style, is_qualified, ..(*operation.reply).clone() });
        }
        let text = wsdl(&wanted, "http://h:1/x/Service.asmx?a=1");
        let imported = import_wsdl(&[text.as_bytes()]).expect("XML").expect("SOAP");
        assert_eq!(imported.service, wanted);
        assert_eq!(imported.paths, ["/x/Service.asmx"]);
        assert_eq!(imported.doubts, [] as [&str; 0]);
    }
    assert!(import_wsdl(&[b"<a/>"]).expect("XML").is_none());
}

/// What a proxy reads as a number or a truth is described as one, and read back; what it means is asked.
#[test]
fn a_result_that_is_no_string_has_its_type() {
    for style in [SoapStyle::Document, SoapStyle::Bare, SoapStyle::Rpc, SoapStyle::Encoded] {
        for (part, kind) in
            [("int(0,-1):r", "int"), ("long(0,-1):r", "long"), ("boolean:r", "boolean")]
        {
            let mut service = SoapService { style, describes_forms: true, ..service() };
            service.operations.retain(|it| it.name == "CallInterface");
            let results = vec![part.parse().unwrap()];
            for operation in &mut service.operations {
                let before = (*operation.reply).clone();
                operation.reply = Arc::new(SoapReply { results: results.clone(), style, ..before });
            }
            let text = wsdl(&service, "http://h/x");
            assert!(text.contains(&format!("name=\"r\" type=\"xsd:{kind}\"")), "{text}");
            let form = format!("<xsd:element name=\"{kind}\" type=\"xsd:{kind}\"/>");
            assert!(text.contains(&form), "{text}");
            let imported = import_wsdl(&[text.as_bytes()]).expect("XML").expect("SOAP");
            assert_eq!(imported.service.operations[0].reply.results, results, "{text}");
            let [doubt] = &*imported.doubts else { panic!("{:?}", imported.doubts) };
            assert!(doubt.contains(&format!("r 是 {kind} 类型：收下是 0")), "{doubt}");
        }
    }
}

#[test]
fn what_a_description_leaves_unsure_is_told() {
    let several = SoapReply {
        results: vec!["code:returnCode".parse().unwrap(), "returnXml".parse().unwrap()],
        ..SoapReply::habit("CallInterface")
    };
    let mut service = service();
    service.operations.retain(|it| it.name == "CallInterface");
    service.operations.iter_mut().for_each(|it| it.reply = Arc::new(several.clone()));
    let text = wsdl(&service, "http://h/x").replace(
        "<xsd:element name=\"msgBody\" type=\"xsd:string\"",
        "<xsd:element name=\"msgBody\" type=\"tns:DataSet\"",
    );
    let imported = import_wsdl(&[text.as_bytes()]).expect("XML").expect("SOAP");
    assert_eq!(
        imported.doubts,
        [
            "CallInterface 的参数 msgBody 是 DataSet 类型，不是字符串：WSDL 里会写成字符串，请核对客户端",
            "CallInterface 有 2 个结果：猜最后一个放正文，其余放代码，请核对 results"
        ]
    );
    assert_eq!(*imported.service.operations[0].reply, several);
    // What a client reads as a number, or as parts, it cannot read from a string.
    let doubted = |style: SoapStyle, from: &str, to: &str| {
        let service = SoapService { style, ..service.clone() };
        let text = wsdl(&service, "http://h/x");
        assert!(text.contains(from), "{text}");
        let text = text.replace(from, to);
        let imported = import_wsdl(&[text.as_bytes()]).expect("XML").expect("SOAP");
        let operation = imported.service.operations[0].clone();
        (imported.doubts[0].clone(), operation.parameters.join(" "))
    };
    let result = "<xsd:element name=\"returnXml\" type=\"xsd:";
    let (doubt, _) =
        doubted(SoapStyle::Document, &format!("{result}string\""), &format!("{result}int\""));
    assert!(doubt.starts_with("CallInterface 的结果 returnXml 是 int 类型"), "{doubt}");
    let part = "<wsdl:part name=\"msgBody\" type=\"xsd:";
    let (doubt, _) = doubted(
        SoapStyle::Rpc,
        &format!("{part}string\""),
        "<wsdl:part name=\"msgBody\" type=\"t:Rows\"",
    );
    assert!(doubt.starts_with("CallInterface 的参数 msgBody 是 Rows 类型"), "{doubt}");
    let simple = "name=\"msgBody\" type=\"xsd:string\" minOccurs=\"0\"/>";
    let nested = "name=\"msgBody\"><xsd:complexType><xsd:sequence><xsd:element name=\"row\" \
        type=\"xsd:string\"/></xsd:sequence></xsd:complexType></xsd:element>";
    let (doubt, parameters) = doubted(SoapStyle::Document, simple, nested);
    assert!(doubt.starts_with("CallInterface 的参数 msgBody 是 complexType 类型"), "{doubt}");
    assert_eq!(parameters, "msgHeader msgBody");
    let imports =
        b"<a><import location='b.wsdl'/><x:include xmlns:x='u' schemaLocation='c.xsd'/></a>";
    assert_eq!(wsdl_imports(imports).expect("XML"), ["b.wsdl", "c.xsd"]);
}

fn service() -> SoapService {
    let namespace = "http://tempuri.org/";
    let operation = |name: &str, parameters: &[&str]| SoapOperation {
        name: name.to_owned(),
        parameters: parameters.iter().map(|it| (*it).to_owned()).collect(),
        action: default_action(namespace, name),
        reply: Arc::new(SoapReply::habit(name)),
    };
    SoapService {
        name: "Service".to_owned(),
        namespace: namespace.to_owned(),
        also: vec!["www.zysoft.com.cn".to_owned()],
        style: SoapStyle::Document,
        is_qualified: true,
        described: vec![SoapVersion::V11, SoapVersion::V12],
        describes_forms: false,
        answers_as_called: false,
        operations: vec![
            operation("HelloWorld", &[]),
            operation("CallInterface", &["msgHeader", "msgBody"]),
        ],
    }
}

fn body(inner: &str) -> String {
    let envelope = "http://schemas.xmlsoap.org/soap/envelope/";
    format!("<s:Envelope xmlns:s='{envelope}'><s:Body>{inner}</s:Body></s:Envelope>")
}

#[track_caller]
fn check(body: &str, action: &str, expected: &str) {
    let content_type = match action {
        "" => "text/xml; charset=utf-8".to_owned(),
        action => format!("text/xml; charset=utf-8; action={action}"),
    };
    assert_eq!(picture(body.as_bytes(), &content_type), expected);
}

/// `operation {namespace} parameter=value ...`, or the code of what is wrong.
fn picture(body: &[u8], content_type: &str) -> String {
    let service = service();
    let input =
        Input { service: Some(&service), ..Input::new(body, WireFormat::Soap, Some(content_type)) };
    let decoded = match decode(&input, &Limits::default()) {
        Ok(decoded) => decoded,
        Err(error) => return error.code().to_owned(),
    };
    let SoapCall { operation, namespace, .. } = decoded.call.expect("a call");
    let document = &decoded.document;
    let mut out = format!("{operation} {{{namespace}}}");
    for it in document.children(document.root()) {
        let value = document.value(it).unwrap_or_default();
        let _ = write!(out, " {}={value}", document.name(it));
    }
    out
}
