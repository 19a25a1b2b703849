//! Values in, findings out.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Catalog, Files};

/// An entity with one element of each kind, so that each fault can be shown alone.
const ELEMENTS: &str = "\
name,zh_name,format,required,value_domain,key,confirmed,notes
rxno,处方号,C..6,Y,,y,y,
six,六位码,C6,N,,n,y,
any,说明,C..ul,N,,n,y,
gend,性别,C..1,N,gend,n,y,
area,区划,C..6,N,?admdvs,n,y,
flag,标志,C..1,N,0|1,n,y,
fee,金额,N..6,2,N,,n,y,
stamp,时间戳,N4,N,,n,y,
infcode,状态,N..4,N,infcode,n,y,
brdy,出生日期,YYYYMMDD,N,,n,y,
at,时间,YYYYMMDDhhmmss,N,,n,y,
yes,是否,B,N,,n,y,
certno,证件号码,C..50,N,,n,y,
psn_name,姓名,C..3,N,,n,y,
lines,明细,node,N,line,n,y,
";

#[test]
fn a_sound_record_has_no_findings() {
    check("rxno", "CF0001", "");
    check("gend", "10", "");
    check("area", "any", "");
    check("fee", "999.99", "");
    check("fee", "-999.990000", "");
    check("infcode", "-1", "");
    check("yes", "y", "");
    check("any", "一\t二\r\n三", "");
    check("six", "", "");
}

#[test]
fn required() {
    check_all(&[], "V101 rxno [] 缺少必填项“处方号”（rxno），请发送不超过6个字符的文本");
    check(
        "rxno",
        " \u{3000}",
        "V101 rxno [] 缺少必填项“处方号”（rxno），请发送不超过6个字符的文本",
    );
}

#[test]
fn lengths_are_characters() {
    check("rxno", "处方号六个字", "");
    check(
        "rxno",
        "处方号七个字了",
        "V201 rxno [处方号七个字了] “处方号”（rxno）请发送不超过6个字符的文本，现有7个",
    );
    check("six", "六个字符正好", "");
    check("six", "12345", "V202 six [12345] “六位码”（six）请发送恰好6个字符的文本，现有5个");
    check("six", "1234567", "V201 six [1234567] “六位码”（six）请发送恰好6个字符的文本，现有7个");
}

#[test]
fn codes_come_from_their_domain() {
    check("gend", "3", "V203 gend [3] “性别”（gend）请发送值域gend中的代码：1 男、2 女、10 其他");
    check("flag", "2", "V203 flag [2] “标志”（flag）请发送值域0|1中的代码：0、1");
    check(
        "infcode",
        "7",
        "V203 infcode [7] “状态”（infcode）请发送值域infcode中的代码：0 成功、-1 失败",
    );
}

#[test]
fn numbers() {
    check(
        "fee",
        "1000",
        "V204 fee [1000] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位，现整数部分有4位",
    );
    check(
        "fee",
        "1.005",
        "V205 fee [1.005] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位，现小数有3位",
    );
    check("stamp", "123", "V202 stamp [123] “时间戳”（stamp）请发送恰好4位的整数，现有3位");
    check("fee", "七", "V206 fee [七] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位");
    check(
        "fee",
        "2-3片",
        "V206 fee [2-3片] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位",
    );
    check(
        "fee",
        "1e400",
        "V208 fee [1e400] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位，现值超过64位",
    );
    check("fee", "NaN", "V206 fee [NaN] “金额”（fee）请发送数字，整数部分不超过3位，小数不超过2位");
}

#[test]
fn dates() {
    let wanted = "8位日期YYYYMMDD，如20240515";
    check("brdy", "20240229", "");
    check(
        "brdy",
        "20240230",
        &format!("V207 brdy [20240230] “出生日期”（brdy）请发送实际存在的{wanted}"),
    );
    check(
        "brdy",
        "2024-02-03",
        &format!("V206 brdy [2024-02-03] “出生日期”（brdy）请发送{wanted}"),
    );
    check(
        "brdy",
        "00000101",
        &format!("V208 brdy [0000-01-01] “出生日期”（brdy）请发送1800年以后的{wanted}"),
    );
    check(
        "brdy",
        "00010101",
        &format!("V208 brdy [0001-01-01] “出生日期”（brdy）请发送1800年以后的{wanted}"),
    );
    check(
        "brdy",
        "00000000",
        &format!("V207 brdy [00000000] “出生日期”（brdy）请发送实际存在的{wanted}"),
    );
    check(
        "at",
        "20240515093060",
        "V207 at [20240515093060] “时间”（at）请发送实际存在的14位日期时间YYYYMMDDhhmmss，如20240515093015",
    );
    check("at", "99991231235959", "");
}

#[test]
fn persons_are_masked() {
    check(
        "psn_name",
        "司马相如",
        "V201 psn_name [司***如] “姓名”（psn_name）请发送不超过3个字符的文本，现有4个",
    );
    check("certno", "11010519491231002X", "");
    check(
        "certno",
        "110105194912310021",
        "warn V209 certno [1***1] “证件号码”（certno）的第18位校验码不符，请核对后发送正确的身份证号码",
    );
    check("certno", "E12345678", "");
}

#[test]
fn control_characters() {
    check(
        "any",
        "甲\u{0}乙",
        "V210 any [甲·乙] “说明”（any）的第2个字符是控制字符U+0000，请去掉后重新发送",
    );
    check("any", "\u{85}", "");
    check(
        "any",
        "甲\u{9b}",
        "V210 any [甲·] “说明”（any）的第2个字符是控制字符U+009B，请去掉后重新发送",
    );
}

#[test]
fn values_of_another_type() {
    check_all(
        &[("rxno", Value::Boolean(true)), ("yes", Value::Text("1".to_owned()))],
        "V206 rxno [y] “处方号”（rxno）请发送不超过6个字符的文本\n\
         V206 yes [1] “是否”（yes）请发送y（是）或n（否）",
    );
}

#[test]
fn records_inside_records() {
    let mut good = Elements::new();
    good.set(0, Value::Text("1".to_owned()));
    check_all(
        &[
            ("rxno", Value::Text("CF1".to_owned())),
            ("lines", Value::Node(vec![good, Elements::new()])),
        ],
        "V101 lines[1].no [] 缺少必填项“序号”（no），请发送不超过2个字符的文本",
    );
}

#[test]
fn a_long_domain_is_not_told_whole() {
    let domain = ValueDomain::new("naty", ["01", "02", "03", "04", "05", "06", "07", "08", "09"]);
    assert_eq!(codes(&domain), "值域naty中的代码：01、02、03、04、05、06、07、08等9个");
}

/// One value as text, next to a prescription number where none is given.
#[track_caller]
fn check(name: &str, text: &str, expected: &str) {
    let catalog = catalog();
    let format = catalog.entity("record").unwrap().element(name).unwrap().format();
    let value = Value::read(format, text).unwrap_or_else(|_| Value::Text(text.to_owned()));
    let rxno = ("rxno", Value::Text("CF1".to_owned()));
    check_all(&[rxno, (name, value)], expected);
}

#[track_caller]
fn check_all(values: &[(&str, Value)], expected: &str) {
    let catalog = catalog();
    let entity = catalog.entity("record").unwrap();
    let mut elements = Elements::new();
    for (name, value) in values {
        elements.set(entity.position(name).unwrap(), value.clone());
    }
    let actual: Vec<_> = catalog.validate(entity, &elements).iter().map(line).collect();
    assert_eq!(actual.join("\n"), expected);
}

fn line(finding: &Finding) -> String {
    let Finding { code, severity, element, found, expected, .. } = finding;
    let warn = if *severity == FindingSeverity::Warn { "warn " } else { "" };
    format!("{warn}{code} {element} [{found}] {expected}")
}

fn catalog() -> Catalog {
    // Formats with a comma are quoted as a spreadsheet would.
    let elements = ELEMENTS.replace("N..6,2", "\"N..6,2\"");
    let line =
        "name,zh_name,format,required,value_domain,key,confirmed,notes\nno,序号,C..2,Y,,y,y,\n";
    let files: Files = [
        ("catalog.toml", "name = \"t\"\nversion = \"1\"\n"),
        ("entities.csv", "entity,zh_name,what\nrecord,记录,a record\nline,行,a line\n"),
        ("entities/record.csv", &elements),
        ("entities/line.csv", line),
        ("domains/gend.csv", "code,zh_name\n1,男\n2,女\n10,其他\n"),
        ("domains/infcode.csv", "code,zh_name\n0,成功\n-1,失败\n"),
        ("profiles/t/profile.toml", "name = \"t\"\nzh_name = \"试\"\nwhat = \"a test\"\n"),
    ]
    .into_iter()
    .collect();
    Catalog::load(&files, "t").unwrap()
}
