//! The register of every code this crate says: requests (`C...`) and rule packs (`R...`).
//!
//! A code, once published, keeps its meaning. The manual's page of codes is made from this list.

/// One code, what it means, and what the reader should do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeEntry {
    /// The stable code.
    pub code: &'static str,
    /// Its meaning in Chinese, one line.
    pub zh: &'static str,
    /// Its meaning in English, one line.
    pub en: &'static str,
    /// What to do, in Chinese.
    pub remedy_zh: &'static str,
}

const fn entry(
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    remedy_zh: &'static str,
) -> CodeEntry {
    CodeEntry { code, zh, en, remedy_zh }
}

/// All codes, in order.
pub static CODES: &[CodeEntry] = &[
    entry("C101", "请求不是可读的JSON", "the request is not readable JSON", "按提示的行列修正JSON"),
    entry("C102", "元素的形状不对", "an element has the wrong shape", "按说明发送对象、列表或文本"),
    entry("C103", "缺少必需元素", "a required element is missing", "补上该元素"),
    entry("C104", "明细标识重复", "a line id appears twice", "每条明细使用不同的rx_id"),
    entry(
        "C105",
        "列表过长",
        "a list is too long",
        "分次审查：每次不超过2000条明细、500条诊断、200条过敏、2000条检验结果",
    ),
    entry("C201", "不是数字", "not a number", "发送十进制数字"),
    entry("C202", "日期格式不对", "not written as a date", "按YYYYMMDD或YYYYMMDDhhmmss发送"),
    entry("C203", "代码不在值域内", "not a code of the value domain", "发送值域中的代码"),
    entry("C204", "不是是/否标志", "not a yes/no flag", "发送1或0"),
    entry("C301", "数值为负或为零", "a negative or zero quantity", "核对数值后重新发送"),
    entry("C302", "数值超出可信范围", "a quantity beyond belief", "核对单位和小数点"),
    entry("C303", "日历上没有这一天", "not a day of the calendar", "核对日期"),
    entry("C304", "出生日期晚于开方日期", "born after the order", "核对出生日期"),
    entry("C305", "年龄超过130岁", "older than 130 years", "核对出生日期或年龄"),
    entry("C306", "剂量或数量单位不认识", "unknown unit", "发送mg、g、片等单位，或在对照表中对照"),
    entry("C307", "用药频次不认识", "unknown frequency", "发送QD、BID等频次，或在对照表中对照"),
    entry(
        "C308",
        "用药天数与按数量计算的天数不一致",
        "stated and computed days differ",
        "核对用药天数与数量",
    ),
    entry("C309", "给药途径不认识", "unknown route", "发送途径代码或在对照表中对照"),
    entry(
        "C310",
        "年龄文本不认识",
        "unreadable age text",
        "发送出生日期，或如「34岁」「3岁2月」「28天」的年龄",
    ),
    entry(
        "C311",
        "几个值互相矛盾",
        "values that contradict each other",
        "核对这几个值；矛盾的值都不采信，用到它们的规则无法判断",
    ),
    entry("R101", "文件不是可读的TOML", "not readable TOML", "按提示的行列修正"),
    entry("R102", "不认识的键", "unknown key", "删除或改正键名"),
    entry("R103", "缺少必需的键", "a required key is missing", "补上该键"),
    entry("R104", "值的类型或内容不对", "a value of the wrong type or content", "按提示改正"),
    entry("R105", "没有这个规则族", "no such family", "使用已有的规则族名"),
    entry("R106", "标识重复", "an id appears twice", "改用不同的标识，或用overlays声明覆盖"),
    entry("R107", "规则包缺少文件", "a file of the pack is missing", "补上该文件"),
    entry("R108", "没有规则使用这个文件", "a file that no rule uses", "删除该文件或补上规则"),
    entry("R109", "被覆盖的规则包不存在", "the overlaid pack does not exist", "改正overlays"),
    entry("R110", "命名集合不存在", "no such named set", "补上sets/名称.csv，或改正集合的名称"),
    entry("R111", "没有这个规则", "no such rule", "改正settings.toml中rules的名称"),
    entry("R201", "表头有不认识的列", "unknown column", "删除或改正列名"),
    entry("R202", "表头缺少列", "a column is missing", "补上该列"),
    entry("R203", "必填单元格为空", "a required cell is empty", "填写该单元格"),
    entry("R204", "单元格内容不对", "a cell cannot be read", "按提示改正"),
    entry(
        "R205",
        "目录代码的长度不对",
        "a catalogue code of the wrong length",
        "核对代码和匹配方式",
    ),
    entry("R206", "行重复", "a row appears twice", "删除重复的行"),
    entry("R207", "列数与表头不一致", "a row with another number of cells", "补齐或删除单元格"),
    entry("R208", "范围为空", "an empty range", "核对上下限"),
    entry(
        "R301",
        "成分不在任何药品表中",
        "an ingredient in no drug table",
        "核对成分名或补充药品表",
    ),
    entry(
        "R302",
        "本院的一项修改已无对象",
        "a change of the overlay has nothing left to change",
        "规则包更新后该行或该规则已不在，核对后撤销该修改",
    ),
    entry(
        "R303",
        "修改目录里有没人读的文件",
        "a file in the overlay that nothing reads",
        "核对文件名：changes.csv、settings.toml；不要的移走",
    ),
    entry(
        "R304",
        "该规则族从不拦截",
        "a family that never blocks",
        "性别、诊断与患者不符只请医生确认；把action改为confirm",
    ),
    entry(
        "R305",
        "引用的本院集合不能用，这一行知识点或这条规则随它停用",
        "a row or rule rests with the hospital's set that it names",
        "改正或删去那个集合（rules set edit、delete），这一行随即恢复；其余规则不受影响",
    ),
    entry("R401", "用例文件写错", "a fault in a case file", "按提示改正"),
    entry(
        "R501",
        "修改记录的序号不连续",
        "the numbers of an overlay's changes have a gap",
        "修改记录只追加不删改；恢复原文件，用撤销代替删除",
    ),
    entry(
        "R503",
        "多行知识点符合，不知改哪一行",
        "several rows fit, and one is to be changed",
        "用which写明能区分的列",
    ),
    entry("R504", "修改记录的内容不成立", "a change that says nothing", "按提示补上"),
    entry(
        "R505",
        "导入的文件不见了",
        "the file of an import is missing",
        "恢复该文件，或撤销这次导入",
    ),
    entry(
        "R506",
        "本院规则的文件不成立",
        "a file of the hospital's own rules does not hold",
        "一个文件一条规则，标识与修改记录相同；只放在overlay/own",
    ),
    entry(
        "R601",
        "规则判断时程序出错",
        "a rule ended in a fault of the program",
        "其余规则照常审查，该规则列在not_run里；请保留日志和这次请求并报告",
    ),
];

/// The entry of a code.
#[must_use]
pub fn entry_of(code: &str) -> Option<&'static CodeEntry> {
    CODES.iter().find(|entry| entry.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_unique() {
        assert!(CODES.windows(2).all(|pair| matches!(pair, [a, b] if a.code < b.code)));
    }

    /// Every code in the sources is registered, and every registered code is in use.
    #[test]
    fn the_register_is_complete() {
        let sources = [
            include_str!("bounds.rs"),
            include_str!("reading.rs"),
            include_str!("request.rs"),
            include_str!("groups.rs"),
            include_str!("insurance.rs"),
            include_str!("from_records.rs"),
            include_str!("session.rs"),
            include_str!("families/law/prescription_days.rs"),
            include_str!("pack.rs"),
            include_str!("setting.rs"),
            include_str!("rule.rs"),
            include_str!("knowledge.rs"),
            include_str!("drug.rs"),
            include_str!("table.rs"),
            include_str!("tree.rs"),
            include_str!("parameter.rs"),
            include_str!("cases.rs"),
            include_str!("overlay.rs"),
            include_str!("overlay/apply.rs"),
            include_str!("overlay/log.rs"),
            include_str!("overlay/set.rs"),
            include_str!("verdict.rs"),
            include_str!("contradiction.rs"),
        ]
        .concat();
        let unused: Vec<_> = CODES
            .iter()
            .map(|entry| entry.code)
            .filter(|code| !sources.contains(&format!("\"{code}\"")))
            .collect();
        assert_eq!(unused, [""; 0], "registered but never said");
        let unregistered: Vec<_> =
            sources.split('"').filter(|word| is_code(word) && entry_of(word).is_none()).collect();
        assert_eq!(unregistered, [""; 0], "said but not registered");
    }

    fn is_code(word: &str) -> bool {
        let mut letters = word.chars();
        word.len() == 4
            && matches!(letters.next(), Some('C' | 'R'))
            && letters.all(|c| c.is_ascii_digit())
    }
}
