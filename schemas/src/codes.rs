//! Every code that this crate can put into an answer or a report, with what it means and what to do.
//! The pages of the manual are made from it.

/// One code and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeEntry {
    /// The code, such as `V203`. It never changes its meaning.
    pub code: &'static str,
    /// What it means, in Chinese.
    pub zh: &'static str,
    /// What it means, in English.
    pub en: &'static str,
    /// What to do about it, in Chinese.
    pub remedy_zh: &'static str,
}

/// The register: `S` for faults in the files of the dictionary, `V` for findings about values.
pub static CODES: &[CodeEntry] = &[
    entry(
        "S101",
        "数据字典缺少文件，或没有这个地区版本",
        "a file of the dictionary is missing, or there is no such profile",
        "补上所指文件；地区版本名称须是profiles目录下的文件夹名",
    ),
    entry(
        "S102",
        "表格的一行读不出，或单元格个数与表头不符",
        "a row cannot be read, or has another number of cells than the header",
        "补足单元格；内容含逗号时用双引号括起",
    ),
    entry("S103", "表头缺少一列", "the header lacks a column", "按提示补上该列"),
    entry(
        "S104",
        "表头有不认识的列，或同一列写了两次",
        "the header has an unknown column, or one twice",
        "删去或改正该列名",
    ),
    entry(
        "S105",
        "格式不是标准的写法",
        "the format is not in the notation of the standard",
        "写成C6、C..10、C..ul、N16、N..17,2、YYYYMMDD、hhmmss、YYYYMMDDhhmmss、B、BY-JPEG或node",
    ),
    entry("S106", "必填标志不是Y、N或C", "required is not Y, N or C", "写Y必填、N可空或C视情况"),
    entry("S107", "标志不是y或n", "a flag is not y or n", "写y或n"),
    entry(
        "S108",
        "同一数据元写了两次",
        "an element stands twice",
        "合并两行，或改正其中一行的名称",
    ),
    entry(
        "S109",
        "值域不存在",
        "there is no such value domain",
        "改正名称或补上domains下的码表；码值未公布时名称前加问号",
    ),
    entry(
        "S110",
        "实体没有业务主键",
        "an entity has no business key",
        "把能区分同类记录的数据元的key写成y",
    ),
    entry(
        "S111",
        "码表里代码重复，或没有代码",
        "a code stands twice in its table, or the table has none",
        "删去重复的代码；没有公布码值的值域不建码表",
    ),
    entry(
        "S112",
        "必须填写的单元格或键为空",
        "a cell or key that must be filled is empty",
        "按提示填写",
    ),
    entry(
        "S113",
        "地区版本改动了不存在的实体",
        "a profile changes an entity that does not exist",
        "改正实体名称",
    ),
    entry(
        "S114",
        "地区版本的一行不完整：新增数据元缺少内容，或什么也没改",
        "a profile row is incomplete: a new element lacks cells, or nothing is changed",
        "新增数据元须填zh_name、format和required；没有改动的行请删去",
    ),
    entry(
        "S115",
        "TOML文件有语法错误或不认识的键",
        "a TOML file has a wrong syntax or an unknown key",
        "按提示的行列改正",
    ),
    entry(
        "S116",
        "地区版本互相依据，成了圈",
        "profiles are based on each other in a circle",
        "改正其中一个based_on",
    ),
    entry(
        "S117",
        "实体清单与文件不一致",
        "the list of entities and the files do not agree",
        "entities.csv的每一行对应entities下的一个文件，且只写一次",
    ),
    entry(
        "S118",
        "子记录的实体不存在，或实体包含了自身",
        "a node names no entity, or an entity holds itself",
        "在value_domain写上另一个实体的名称",
    ),
    entry(
        "S119",
        "文件不会被读取",
        "nothing reads this file",
        "改正文件名或移到正确的文件夹；无用的文件请删去",
    ),
    entry(
        "S120",
        "地区码表没有替换任何值域，也没有数据元使用",
        "a regional table replaces no domain and no element uses it",
        "改正码表的文件名",
    ),
    entry(
        "S121",
        "名称含有不允许的字符",
        "a name has characters that are not allowed",
        "以字母或下划线开头，其后为字母、数字、下划线或连字符",
    ),
    entry(
        "S122",
        "地区版本的名称与文件夹名不同",
        "a profile is not called like its folder",
        "把profile.toml的name改成文件夹名",
    ),
    entry(
        "S123",
        "实体的发生时间不是日期时间型的数据元",
        "an entity's moment is no element that holds date and time",
        "在entities.csv的moment列写该实体中格式为YYYYMMDDhhmmss的数据元，或留空",
    ),
    entry("V101", "缺少必填的数据元", "a required element is missing", "补上该数据元后重新发送"),
    entry(
        "V201",
        "文本过长（按字符计，不按字节计）",
        "a text is too long, counted in characters",
        "缩短到允许的字符数；本地区确实更长时，在地区版本里改格式",
    ),
    entry(
        "V202",
        "长度不足或不是规定的长度",
        "a value is too short or not of the fixed length",
        "按规定的长度发送",
    ),
    entry(
        "V203",
        "代码不在值域内",
        "a code is not in its value domain",
        "发送值域内的代码；院内代码请在码表对照里对照",
    ),
    entry(
        "V204",
        "数字的整数部分位数过多",
        "a number has too many digits before the point",
        "核对数值和单位",
    ),
    entry(
        "V205",
        "数字的小数位数过多",
        "a number has too many decimals",
        "按允许的小数位数四舍五入后发送",
    ),
    entry(
        "V206",
        "值的类型不对",
        "a value has the wrong type",
        "按提示的格式发送，例如数字里不写单位和汉字",
    ),
    entry(
        "V207",
        "日期或时间不存在，例如2月30日",
        "a date or time is on no calendar or clock, such as 30 February",
        "核对日期；没有日期时不发送该数据元",
    ),
    entry(
        "V208",
        "数值或日期超出合理范围",
        "a number or date is out of range",
        "核对数值；用0001-01-01一类日期表示“无”时，请改为不发送",
    ),
    entry(
        "V209",
        "身份证号码校验码不符（提醒，不拒收）",
        "the check digit of an identity number does not fit; a warning only",
        "核对身份证号码",
    ),
    entry("V210", "文本含有控制字符", "a text has control characters", "去掉控制字符后重新发送"),
];

const fn entry(
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    remedy_zh: &'static str,
) -> CodeEntry {
    CodeEntry { code, zh, en, remedy_zh }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The files that make problems and findings.
    const SOURCES: [&str; 9] = [
        include_str!("load.rs"),
        include_str!("load/domains.rs"),
        include_str!("load/draft.rs"),
        include_str!("load/manifest.rs"),
        include_str!("load/profile.rs"),
        include_str!("load/resolve.rs"),
        include_str!("load/stray.rs"),
        include_str!("table.rs"),
        include_str!("validate.rs"),
    ];

    #[test]
    fn the_register_holds_exactly_the_codes_in_use() {
        let used: BTreeSet<_> = SOURCES.iter().flat_map(|source| codes_in(source)).collect();
        let registered: BTreeSet<_> = CODES.iter().map(|entry| entry.code).collect();
        assert_eq!(used, registered);
        assert_eq!(registered.len(), CODES.len(), "a code stands twice");
        assert!(CODES.is_sorted_by_key(|entry| entry.code), "keep the register in order");
    }

    /// Quoted texts of a capital S or V and three digits.
    fn codes_in(source: &str) -> impl Iterator<Item = &str> {
        source.split('"').filter(|text| {
            let mut bytes = text.bytes();
            text.len() == 4
                && matches!(bytes.next(), Some(b'S' | b'V'))
                && bytes.all(|byte| byte.is_ascii_digit())
        })
    }
}
