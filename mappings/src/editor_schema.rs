//! A JSON Schema of the mapping file, so that an editor completes keys and data elements and marks what
//! is misspelt while it is typed. What the compiler proves beyond that, `his-agent validate` tells.

use schemas::{Catalog, DataElement, Entity};
use serde_json::{Map, Value, json};

use crate::catalogs::Catalogs;

/// The schema, by the dictionary of `profile` (the hospital's own when there is no such profile).
pub fn json_schema(catalogs: &Catalogs, profile: &str) -> String {
    let catalog = catalogs.get(profile).unwrap_or_else(|| catalogs.default_catalog());
    let mut sections = Map::new();
    for section in SECTIONS {
        sections.insert(section.name.to_owned(), section.schema(catalog));
    }
    let required = ["mapping", "record"];
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "his-agent mapping",
        "description": "映射文件：一种 HIS 报文怎样变成标准记录",
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": sections,
    });
    format!("{schema:#}\n")
}

/// A table of the file and its keys.
struct Section {
    name: &'static str,
    shape: Shape,
    zh: &'static str,
    required: &'static [&'static str],
    keys: &'static [(&'static str, Kind, &'static str)],
}

/// `[name]`, `[[name]]` or `[name.ANY]`.
enum Shape {
    Table,
    List,
    Named,
}

/// What a key takes.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Expression,
    Texts,
    TextOrTexts,
    Slots,
    Words(&'static [&'static str]),
    Entity,
    Domain,
    Elements,
}

impl Section {
    fn schema(&self, catalog: &Catalog) -> Value {
        let mut properties = Map::new();
        for (key, kind, zh) in self.keys {
            properties.insert((*key).to_owned(), described(kind.schema(catalog), zh));
        }
        let mut table = json!({
            "type": "object",
            "additionalProperties": false,
            "required": self.required,
            "properties": properties,
        });
        if self.keys.iter().any(|(_, kind, _)| matches!(kind, Kind::Elements)) {
            let by_entity: Vec<Value> = catalog.entities().map(elements_of).collect();
            insert(&mut table, "allOf", Value::from(by_entity));
        }
        let schema = match self.shape {
            Shape::Table => table,
            Shape::List => json!({ "type": "array", "items": table }),
            Shape::Named => json!({ "type": "object", "additionalProperties": table }),
        };
        described(schema, self.zh)
    }
}

impl Kind {
    fn schema(self, catalog: &Catalog) -> Value {
        match self {
            Kind::Text | Kind::Expression => json!({ "type": "string" }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::TextOrTexts => json!({
                "type": ["string", "array"], "items": { "type": "string" },
            }),
            Kind::Slots => json!({
                "type": "array",
                "items": { "type": "array", "items": { "type": "string" } },
            }),
            Kind::Words(words) => json!({ "enum": words }),
            Kind::Entity => named(catalog.entities().map(|it| (it.name(), it.zh_name()))),
            Kind::Domain => {
                let names: Vec<&str> = catalog.domains().map(schemas::ValueDomain::name).collect();
                json!({ "enum": names })
            }
            Kind::Elements => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
        }
    }
}

/// One of these names, each with the Chinese name beside it in the editor's list.
fn named<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let choices: Vec<Value> =
        names.map(|(name, zh)| json!({ "const": name, "description": zh })).collect();
    json!({ "oneOf": choices })
}

/// With this entity, these elements.
fn elements_of(entity: &Entity) -> Value {
    let mut properties = Map::new();
    for element in entity.elements() {
        properties.insert(element.name().to_owned(), element_of(element));
    }
    json!({
        "if": { "properties": { "entity": { "const": entity.name() } }, "required": ["entity"] },
        "then": { "properties": { "elements": {
            "properties": properties, "additionalProperties": false,
        } } },
    })
}

fn element_of(element: &DataElement) -> Value {
    let must = if element.required() == schemas::Required::Yes { "，必填" } else { "" };
    let domain = element.domain().map(|it| format!("，值域 {it}")).unwrap_or_default();
    let text = format!("{} {}{must}{domain}", element.zh_name(), element.format());
    json!({ "type": "string", "description": text })
}

fn described(mut schema: Value, zh: &str) -> Value {
    insert(&mut schema, "description", Value::from(zh));
    schema
}

fn insert(schema: &mut Value, key: &str, value: Value) {
    if let Some(members) = schema.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

/// The tables of the file, in the order in which one writes them. The test below holds it to what the
/// compiler reads.
const SECTIONS: &[Section] = &[
    Section {
        name: "mapping",
        shape: Shape::Table,
        zh: "这个映射是什么，什么时候适用",
        required: &["name"],
        keys: &[
            ("name", Kind::Text, "名字，写进日志、答复和记录的来源"),
            ("version", Kind::Text, "版本，缺省 1"),
            ("about", Kind::Text, "给人看的说明"),
            ("profile", Kind::Text, "按哪个地区版本核对，缺省用医院自己的"),
            ("null_words", Kind::Texts, "整个值等于这些词就视为没有值"),
            ("checks", Kind::Texts, "整份报文核对一次的表达式：只要它的问题，不要它的值"),
            ("when", Kind::Expression, "条件；不写就总是适用"),
            ("lane", Kind::Expression, "就诊号从哪里取"),
        ],
    },
    Section {
        name: "open",
        shape: Shape::List,
        zh: "装着另一份报文的字段",
        required: &["at", "as"],
        keys: &[
            ("at", Kind::Expression, "字段的路径，不带步骤"),
            (
                "as",
                Kind::TextOrTexts,
                "怎样打开：先写 url、hex、base64、gzip、加密方法（aes-128-ecb 等），再写 xml、json、hl7、csv、form、delimited",
            ),
            ("skip_to", Kind::Text, "第一个这样的文字之前的内容略去"),
            ("key", Kind::Text, "密钥的名字，密钥在通道的 keys 里"),
            ("iv", Kind::Text, "cbc 的初始向量：front、key、zero，或通道 keys 里的名字"),
            ("padding", Kind::Words(&adapters::Padding::WORDS), "末块怎样填充，缺省 pkcs7"),
            ("rows", Kind::Text, "行的分隔符"),
            ("columns", Kind::Text, "列的分隔符"),
            ("quote", Kind::Text, "引号"),
            ("names", Kind::TextOrTexts, "列名，或 first-row"),
        ],
    },
    Section {
        name: "verify",
        shape: Shape::List,
        zh: "报文必须带着的签名；和 [[open]] 按书写顺序进行",
        required: &["sign", "method", "over"],
        keys: &[
            ("sign", Kind::Expression, "签名从哪里取"),
            ("method", Kind::Words(&adapters::SignMethod::WORDS), "签名的方法"),
            ("over", Kind::Texts, "参与签名的各段，依次相连：表达式、$key、$sorted"),
            ("key", Kind::Text, "密钥的名字，密钥在通道的 keys 里"),
            ("sorted", Kind::Expression, "$sorted 的各字段的路径"),
            ("equals", Kind::Text, "$sorted 里名和值之间的文字，缺省 ="),
            ("between", Kind::Text, "$sorted 里各字段之间的文字，缺省 &"),
            ("charset", Kind::Words(&["utf-8", "gbk", "gb18030"]), "按哪种编码算，缺省 utf-8"),
        ],
    },
    Section {
        name: "group",
        shape: Shape::List,
        zh: "把平铺的兄弟节点分成组，例如 HL7 的 ORC 组",
        required: &["starts", "as"],
        keys: &[
            ("in", Kind::Expression, "在哪个节点之下，缺省是最上层"),
            ("starts", Kind::Text, "一组从这个名字开始"),
            ("as", Kind::Text, "组的名字"),
            ("ends", Kind::Texts, "遇到这些名字，组就结束"),
        ],
    },
    Section {
        name: "codes",
        shape: Shape::Named,
        zh: "这个来源的码表",
        required: &[],
        keys: &[
            ("domain", Kind::Domain, "结果必须属于哪个值域"),
            ("file", Kind::Text, "文件，缺省 codes/名字.csv"),
            ("unknown", Kind::Words(&["refuse", "park", "pass"]), "码表里没有的代码怎么办"),
        ],
    },
    Section {
        name: "tables",
        shape: Shape::Named,
        zh: "按第一列查找的表",
        required: &[],
        keys: &[
            ("file", Kind::Text, "文件，缺省 tables/名字.csv"),
            ("unknown", Kind::Words(&["refuse", "absent"]), "表里没有的键怎么办"),
        ],
    },
    Section {
        name: "units",
        shape: Shape::Named,
        zh: "单位换算表",
        required: &[],
        keys: &[("file", Kind::Text, "文件，缺省 units/名字.csv")],
    },
    Section {
        name: "record",
        shape: Shape::List,
        zh: "产生哪些记录",
        required: &["entity", "elements"],
        keys: &[
            ("entity", Kind::Entity, "数据元实体"),
            ("each", Kind::Expression, "对哪些节点各出一条"),
            ("where", Kind::Expression, "条件，不成立的跳过"),
            ("distinct", Kind::Expression, "值相同的只留第一条"),
            (
                "differ",
                Kind::Words(&["refuse", "warn", "ignore"]),
                "同一条记录的各行互相矛盾时怎么办",
            ),
            ("slots", Kind::Slots, "固定的成对字段，一行一条，$1 $2 取其中的值"),
            ("lane", Kind::Expression, "就诊号，盖过 [mapping] 的"),
            ("key", Kind::Texts, "业务主键，表达式的列表"),
            ("elements", Kind::Elements, "数据元名 = 表达式"),
        ],
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use schemas::Files;

    use super::*;
    use crate::raw::RawFile;

    #[test]
    fn it_knows_the_tables_and_keys_that_the_compiler_reads() {
        check("", "nonsense = 1", SECTIONS.iter().map(|it| it.name).collect());
        for section in SECTIONS {
            let head = match section.shape {
                Shape::Table => format!("[{}]", section.name),
                Shape::List => format!("[[{}]]", section.name),
                Shape::Named => format!("[{}.x]", section.name),
            };
            check(&head, "nonsense = 1", section.keys.iter().map(|(key, ..)| *key).collect());
        }
    }

    /// The reader names what it expects when it meets what it does not: that is the list to equal.
    #[track_caller]
    fn check(head: &str, line: &str, mut known: Vec<&str>) {
        let mapping = if head == "[mapping]" { "" } else { "[mapping]\nname = \"m\"\n" };
        let text = if head.is_empty() {
            format!("{line}\n{mapping}")
        } else {
            format!("{mapping}{head}\n{line}\n")
        };
        let complaint = toml::from_str::<RawFile>(&text).unwrap_err().message().to_owned();
        let mut expected: Vec<&str> = complaint.split('`').skip(3).step_by(2).collect();
        expected.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, expected, "{head}: {complaint}");
    }

    #[test]
    fn it_completes_elements_by_entity() {
        let files = Files::from_shipped(schemas::SHIPPED);
        let catalogs = Catalogs::load(&files, "national").unwrap();
        let schema: Value = serde_json::from_str(&json_schema(&catalogs, "clinical")).unwrap();
        let rules = schema["properties"]["record"]["items"]["allOf"].as_array().unwrap();
        let rule = rules
            .iter()
            .find(|it| it["if"]["properties"]["entity"]["const"] == "outpatient_prescription")
            .unwrap();
        let elements = &rule["then"]["properties"]["elements"]["properties"];
        assert_eq!(elements["rxno"]["description"], "处方号 C..30，必填");
        assert!(elements.get("rxnoo").is_none());
    }
}
