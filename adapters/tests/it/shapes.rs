//! The shapes that hospital systems send, each as small as it can be and still be that shape.

use adapters::Inner::{Json, Xml};

use super::{check, gbk};

/// A header string and a body string in CDATA, the body with a declaration that is not true.
#[test]
fn soap11_with_cdata() {
    check(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">\n  <soap:Body>\n\
         <CallInterface xmlns=\"http://tempuri.org/\">\n<msgHeader><![CDATA[<?xml version=\"1.0\" \
         encoding=\"utf-8\"?><root><serverName>SendOutpPrescription</serverName></root>]]>\
         </msgHeader>\n<msgBody><![CDATA[<?xml version=\"1.0\" encoding=\"gb2312\"?>\n<root>\n  \
         <patient>\n<patientName>李建国</patientName><sex>1</sex></patient>\n<items>\n\
         <item><dose>5</dose></item>\n<item><dose>0.5</dose></item></items></root>]]></msgBody>\n\
         </CallInterface>\n  </soap:Body>\n</soap:Envelope>"
            .as_bytes(),
        "text/xml; charset=utf-8",
        &[("msgHeader", Xml), ("msgBody", Xml)],
        "\
soap utf-8 1.1 {http://tempuri.org/}CallInterface
msgHeader
  root
    serverName = SendOutpPrescription
msgBody
  root
    patient
      patientName = 李建国
      sex = 1
    items
      item
        dose = 5
      item
        dose = 0.5",
    );
}

/// The inner document escaped; a CHAR column's trailing blank is kept.
#[test]
fn soap12_with_escapes() {
    check(
        "<soap12:Envelope xmlns:soap12=\"http://www.w3.org/2003/05/soap-envelope\"><soap12:Body>\
         <TechService xmlns=\"http://his.example/\"><actionCode>OP003</actionCode><xmlContent>\
         &lt;WinRequest&gt;&lt;hzxm&gt;李建国 &lt;/hzxm&gt;&lt;ypgg&gt;5mg*7片 &amp;lt;盒&amp;gt;\
         &lt;/ypgg&gt;&lt;/WinRequest&gt;</xmlContent></TechService></soap12:Body></soap12:Envelope>"
            .as_bytes(),
        "application/soap+xml; charset=utf-8; action=\"x\"",
        &[("xmlContent", Xml)],
        "\
soap utf-8 1.2 {http://his.example/}TechService
actionCode = OP003
xmlContent
  WinRequest
    hzxm = 李建国\u{20}
    ypgg = 5mg*7片 <盒>",
    );
}

/// A parameter that holds elements, not text, is kept as a tree, namespaces taken back and all.
#[test]
fn soap_with_a_dataset() {
    check(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><SaveRecipe \
         xmlns=\"http://tempuri.org/\"><dsRecipe><d:diffgram xmlns:m=\"urn:m\" xmlns:d=\"urn:d\">\
         <NewDataSet xmlns=\"\"><CF d:id=\"CF1\" m:rowOrder=\"0\"><CFID>CF2024</CFID></CF></NewDataSet>\
         </d:diffgram></dsRecipe></SaveRecipe></s:Body></s:Envelope>"
            .as_bytes(),
        "text/xml",
        &[],
        "\
soap utf-8 1.1 {http://tempuri.org/}SaveRecipe
dsRecipe
  diffgram
    NewDataSet
      CF
        @id = CF1
        @rowOrder = 0
        CFID = CF2024",
    );
}

/// Clients of the loose kind: rpc parameters without namespace, `xsi:type`, `encodingStyle`,
/// character references, a header that need not be understood, and a second element in the body.
#[test]
fn soap_as_scripts_write_it() {
    check(
        b"<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\" \
          xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><S:Header><n:Trace xmlns:n=\"urn:n\" \
          S:mustUnderstand=\"0\"/></S:Header><S:Body><n:Call xmlns:n=\"WebService\" \
          S:encodingStyle=\"UTF-8\"><msgBody xsi:type=\"xs:string\">&#x674E;&#24314;</msgBody>\
          <msgHeader xsi:nil=\"true\"/></n:Call><multiRef/></S:Body></S:Envelope>",
        "",
        &[],
        "\
soap utf-8 1.1 {WebService}Call
msgBody = 李建
msgHeader null",
    );
    check(
        b"<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body><Ping xmlns=\"\"/></Body>\
          </Envelope>",
        "text/html",
        &[],
        "soap utf-8 1.1 {}Ping",
    );
}

/// Plain XML, declared GBK and really GBK, CRLF.
#[test]
fn xml_in_gbk() {
    check(
        &gbk("<?xml version=\"1.0\" encoding=\"GBK\"?>\r\n<CHUFANGXX_IN>\r\n  \
              <XINGMING>李建国</XINGMING><ZONGJINE>￥60.90</ZONGJINE>\r\n</CHUFANGXX_IN>\r\n"),
        "",
        &[],
        "\
xml gb18030
CHUFANGXX_IN
  XINGMING = 李建国
  ZONGJINE = ￥60.90",
    );
}

/// Attributes with Chinese names; declares UTF-8 twice and is GBK.
#[test]
fn xml_that_lies_about_its_encoding() {
    check(
        &gbk("<?xml version=\"1.0\" encoding=\"utf-8\"?><HISDATA><row 姓名=\"李建国\" \
              药品名称=\"阿司匹林肠溶片\" 备注=\"\"   /></HISDATA>"),
        "text/xml; charset=utf-8",
        &[],
        "\
xml gb18030 D901
HISDATA
  row
    @姓名 = 李建国
    @药品名称 = 阿司匹林肠溶片
    @备注",
    );
}

/// A Delphi packet whose declaration no parser accepts.
#[test]
fn xml_with_a_broken_declaration() {
    check(
        &gbk("<?xml version=\"1.0\" encoding=\"GB2312\" standalong=\"yes\"?><DATAPACKET \
              Version=\"2.0\"><METADATA/><ROWDATA><ROW hzxm=\"李建国\" sex=\"1\"/><ROW hzxm=\"李\"/>\
              </ROWDATA></DATAPACKET>"),
        "",
        &[],
        "\
xml gb18030 D905
DATAPACKET
  @Version = 2.0
  METADATA
  ROWDATA
    ROW
      @hzxm = 李建国
      @sex = 1
    ROW
      @hzxm = 李",
    );
}

/// JSON in a string in a list, with lists in strings inside it; numbers longer than a float holds.
#[test]
fn json_in_strings() {
    check(
        r#"[{"name": "input_in", "value": "{\"patient\":{\"birthDate\":-56793600000},\"visit\":{\"visitId\":1790000000000000123},\"diagnosis\":\"[{\\\"seq\\\": 1, \\\"main\\\": true}, {\\\"seq\\\": 2, \\\"main\\\": false}]\",\"orders\":\"[{\\\"drugName\\\": \\\"\\\\u82ef\\\\u78fa\\\", \\\"cost\\\": \\\"32.50\\\"}]\"}"}]"#
            .as_bytes(),
        "application/x-www-form-urlencoded",
        &[("item/value", Json), ("item/value/diagnosis", Json), ("item/value/orders", Json)],
        "\
json utf-8
item
  name = input_in
  value
    patient
      birthDate = -56793600000
    visit
      visitId = 1790000000000000123
    diagnosis
      item
        seq = 1
        main = true
      item
        seq = 2
        main = false
    orders
      item
        drugName = 苯磺
        cost = 32.50",
    );
}

/// Nested JSON in GB18030 that nobody declared; a list of one and of two, null, a list of texts.
#[test]
fn json_in_gb18030() {
    check(
        &gbk("{\n \"headers\": {\"msgCode\": \"HIS90041\"},\n \"payload\": {\"request\": {\n  \
              \"allergy\": [\"青霉素\"],\n  \"weight\": 72.5,\n  \"diagnose\": {\"item\": [{\"zdmc\": \
              \"原发性高血压\"}, {\"zdmc\": \"2型糖尿病\"}]},\n  \"detail\": [{\"qty\": 1.0, \"remark\": \
              null}],\n  \"operations\": []\n}}}"),
        "application/json",
        &[],
        "\
json gb18030
headers
  msgCode = HIS90041
payload
  request
    allergy = 青霉素
    weight = 72.5
    diagnose
      item
        zdmc = 原发性高血压
      item
        zdmc = 2型糖尿病
    detail
      qty = 1.0
      remark null
    operations []",
    );
}

/// With one diagnosis the same sender leaves the list out; the tree is the same.
#[test]
fn json_object_or_list_of_one() {
    let tree = "json utf-8\ndiagnose\n  item\n    icd = I10";
    check(b"{\"diagnose\":{\"item\":[{\"icd\":\"I10\"}]}}", "", &[], tree);
    check(b"{\"diagnose\":{\"item\":{\"icd\":\"I10\"}}}", "", &[], tree);
}

/// A form whose only field is half-encoded JSON.
#[test]
fn form_with_json() {
    check(
        "psJSONStr={\"Name\":\"李建国\",\"UseTime\":\"2024-05-15%2009:20:05\",\"Frequency\":\"1%2F1\",\
         \"ScreenDrugs\":[{\"Form\":\"片剂\"}]}"
            .as_bytes(),
        "application/x-www-form-urlencoded",
        &[("psJSONStr", Json)],
        "\
form utf-8
psJSONStr
  Name = 李建国
  UseTime = 2024-05-15 09:20:05
  Frequency = 1/1
  ScreenDrugs
    Form = 片剂",
    );
}

/// A form whose XML field is not encoded at all.
#[test]
fn form_with_raw_xml() {
    check(
        "charset=utf-8&post_type=1&xml=<root><n><![CDATA[A&B 100%]]></n><m>5&lt;6</m></root>"
            .as_bytes(),
        "application/x-www-form-urlencoded; charset=utf-8",
        &[("xml", Xml)],
        "\
form utf-8
charset = utf-8
post_type = 1
xml
  root
    n = A&B 100%
    m = 5<6",
    );
}

/// Nil, prefixes on some names only, attributes beside text.
#[test]
fn xml_with_namespaces_and_nil() {
    check(
        "<zy:清单 xmlns:zy=\"urn:zy\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"urn:zy ..\\x.xsd\"><姓名>王小雨</姓名><身份证号 xsi:nil=\"true\"/>\
         <病区 编码=\"0412\">儿科</病区><zy:空/></zy:清单>"
            .as_bytes(),
        "application/xml",
        &[],
        "\
xml utf-8
清单
  姓名 = 王小雨
  身份证号 null
  病区 = 儿科
    @编码 = 0412
  空",
    );
}
