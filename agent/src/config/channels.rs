//! The channels of the shipped configuration: one for each vendor's folder of shipped mappings.

use std::fmt::Write as _;

/// A channel as the shipped file shows it.
pub(super) struct Shipped {
    name: &'static str,
    /// What its messages look like, in Chinese and in English.
    zh: &'static str,
    en: &'static str,
    /// Lines besides name and mappings.
    more: &'static str,
}

impl Shipped {
    pub(super) fn write(&self, out: &mut String) {
        let Shipped { name, zh, en, more } = self;
        let _ = write!(
            out,
            "\n# {zh}。\n# {en}.\n[[channel]]\nname = \"{name}\"\nmappings = [\"{name}/\"]\n{more}"
        );
    }
}

const fn shape(name: &'static str, zh: &'static str, en: &'static str) -> Shipped {
    Shipped { name, zh, en, more: "" }
}

/// In the order in which they are shown: the common shapes first.
pub(super) const SHIPPED: &[Shipped] = &[
    shape(
        "platform",
        "院级集成平台：SOAP，两个字符串参数，各装一份 XML",
        "SOAP with a header string and a body string, an XML document in each",
    ),
    shape(
        "techservice",
        "SOAP，功能号加一个转义的 XML，拼音首字母命名",
        "SOAP with an action code and one escaped XML, names in pinyin initials",
    ),
    shape("pinyin", "普通 XML，全拼大写命名，GBK", "Plain XML, names in full pinyin, GBK"),
    shape(
        "rows",
        "平面行：一行一味药，属性是中文名",
        "Flat rows, one a drug line, attributes with Chinese names",
    ),
    shape("webapi", "JSON 里装字符串化的 JSON", "JSON in a string in JSON"),
    shape("cdss", "嵌套 JSON，GB18030，不声明编码", "Nested JSON in GB18030 that nobody declared"),
    shape(
        "dataset",
        ".NET DataSet：表头和明细两张表，以主键相连",
        "A .NET DataSet: a table of headers and a table of lines, joined by key",
    ),
    shape(
        "datapacket",
        "Delphi ClientDataSet：平面行，属性是拼音首字母",
        "A Delphi ClientDataSet packet: flat rows, attributes in pinyin initials",
    ),
    shape(
        "msgrows",
        "msg/row：门诊就诊、门诊费用、住院医嘱",
        "Plain rows: outpatient visits and fees, inpatient orders",
    ),
    shape(
        "feelist",
        "住院费用清单：日、大类、单据、明细逐层嵌套",
        "An inpatient fee list, nested by day, class, bill and line",
    ),
    shape(
        "hl7",
        "HL7 v2：就诊 ADT、处方 OMP、ORM、RDE，检验 ORU",
        "HL7 v2: visits (ADT), prescriptions (OMP, ORM, RDE), laboratory results (ORU)",
    ),
    shape(
        "cda",
        "WS/T 500 共享文档：西药处方 C0004",
        "A CDA document by WS/T 500: prescription C0004",
    ),
    shape(
        "pass",
        "PASS 审方：表单里的 JSON，按 PASS 的样子答复",
        "Review requests in the manner of PASS: JSON in a form, answered in its words",
    ),
    shape(
        "yaowei",
        "药卫士、大通 BS 审方：表单里的两份 XML，字段名待核对",
        "Review requests of 药卫士 and 大通 BS: two XML documents in a form; names unconfirmed",
    ),
    shape(
        "yiyao",
        "逸曜审方：表单里的一份 XML，答 root、message、infos，代码待核对",
        "Review requests of 逸曜: one XML document in a form; codes unconfirmed",
    ),
    shape(
        "bsxml",
        "创业 BSXml 审方：SOAP 的一个参数，或单独一份 XML，明细的字段名待核对",
        "BSXml of 创业: one parameter of a SOAP call, or XML by itself; names of lines unconfirmed",
    ),
    Shipped {
        name: "view",
        zh: "视图导出的 CSV，中文列名",
        en: "An export of a database view as CSV, Chinese column names",
        more: "format = \"csv\"\n",
    },
];
