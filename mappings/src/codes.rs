//! The codes of this room: what each says, and what to do about it.

use schemas::CodeEntry;

macro_rules! codes {
    ($($code:literal $zh:literal $en:literal $remedy:literal)*) => {
        /// Every code that a mapping file or a mapped message can give.
        pub static CODES: &[CodeEntry] =
            &[$(CodeEntry { code: $code, zh: $zh, en: $en, remedy_zh: $remedy }),*];
    };
}

codes! {
    "M001" "映射文件不是正确的 TOML" "not valid TOML, or an unknown key" "按提示的行列修改；未知的键会被拒绝，注意拼写"
    "M002" "表达式写法有误" "the expression cannot be read" "对照映射语言的语法修改"
    "M003" "步骤有误" "a step is unknown, misplaced or has wrong arguments" "对照步骤表修改"
    "M004" "没有这个变量" "unknown variable" "可用：$channel $org $message_id $received_at $operation $position $item，有 slots 时另有 $slot $1 $2 …"
    "M005" "比较的两边不能相比" "a comparison of kinds that cannot be compared" "先把两边改写成同一种类型，例如都加 | decimal"
    "M010" "映射没有任何记录" "no [[record]]" "至少写一个 [[record]]"
    "M011" "内层报文的格式不支持" "unknown inner format" "as 写 xml、json、hl7、form、csv、delimited 之一，前面可加 base64、gzip"
    "M012" "at 不是一条路径" "at is not a plain path" "at 只写路径，不带步骤"
    "M013" "没有这个地区版本" "unknown profile" "地区版本见 schemas/profiles"
    "M014" "group 的写法有误" "a group that cannot be" "starts 和 as 写元素名，ends 不能含 starts"
    "M016" "分隔文本的选项有误" "wrong options for delimited text" "rows、columns、quote、names 只用于 csv 和 delimited；delimited 要写 columns"
    "M020" "码表文件不存在" "code map file is missing" "在映射旁的 codes 目录放入该文件"
    "M021" "码表有错行" "a line of a code map is wrong" "按行号修改码表"
    "M022" "值域不存在" "unknown value domain" "值域名见数据元目录"
    "M023" "unknown 的取值不对" "unknown policy" "写 refuse、park 或 pass"
    "M024" "码表没有被用到" "unused code map" "删去，或在表达式中用 code(\"名字\")"
    "M025" "表文件不存在" "the file of a table or of units is missing" "在映射旁的 tables 或 units 目录放入该文件"
    "M026" "表有错行" "a line of a table or of units is wrong" "按行号修改"
    "M030" "没有这个实体" "unknown entity" "实体名见数据元目录"
    "M031" "没有说明记录属于哪次就诊" "no lane" "写 lane = '路径'"
    "M032" "each 既不是路径也不是列表" "each is neither path nor list" "写路径，或以 split 结尾"
    "M033" "slots 的写法有误" "wrong rows of slots" "每行的表达式个数相同，一至九个，同一列类型相同"
    "M034" "differ 的写法有误" "wrong use of differ" "和 distinct 一起写，取 refuse、warn 或 ignore"
    "M035" "$position 在这里总是 1" "$position is always 1 here" "有 slots 而没有 each 时，行号写 $slot"
    "M040" "实体没有这个数据元" "unknown data element" "按提示的近似名修改"
    "M041" "必填数据元没有映射" "required elements are not mapped" "补上映射；若此环节尚无该值，选用合适的地区版本"
    "M042" "业务主键不完整" "the business key is not mapped" "补上映射，或自行给出 key"
    "M043" "表达式的类型不合数据元格式" "the expression's kind does not fit the format" "按提示补一个步骤"
    "M044" "常量不合数据元的长度或值域" "a constant does not fit length or value domain" "改为值域中的代码"
    "M045" "码表的结果不在数据元的值域中" "a code map leads out of the value domain" "为码表写上 domain，并修改错误的行"
    "M046" "可选数据元没有映射" "optional elements are not mapped" "有值就补上映射；没有就不用管"
    "M047" "值域是封闭的，报文的值却没有对照" "unmapped text goes to an element of a closed value domain" "用 code 对照；本来就送标准代码的，用 only 列出"
    "M048" "可能不合规" "may not be valid" "按提示核对；确实如此就不用改"
    "M049" "不可能成立或取不到值" "can never hold, or never has a value" "按提示修改条件或路径"
    "M101" "没有映射适用于这份报文" "no mapping applies" "核对消息类型字段，或新增映射文件"
    "M102" "应含内层报文的字段打不开" "a field that should hold a document cannot be opened" "按提示修正内层报文"
    "M103" "映射适用，但没有取到任何记录" "the mapping applies but gives no record" "核对明细的元素名和层次"
    "M104" "映射要查看的节点太多" "the mapping looks at too many nodes" "改写映射中大表逐行比对的路径，或把报文分开送"
    "M201" "不是十进制数字" "not a decimal" "只送数字，例如 60.90"
    "M202" "不是约定格式的真实日期时间" "not a date or time of the agreed pattern" "按约定格式送真实存在的日期"
    "M203" "代码未对照" "a local code that nobody has mapped" "在码表中补一行，或改送已有代码"
    "M204" "不是约定的是非用词" "neither the word for yes nor for no" "按约定的两个词送"
    "M205" "文字不符合约定的样式" "the text does not have the agreed pattern" "按约定样式送"
    "M206" "缺少就诊号" "no encounter number" "送门诊号、住院号或就诊流水号"
    "M207" "重复的行互相矛盾" "rows that repeat one thing do not agree" "核对提示的两处；本来不是一件事的，改映射的 distinct"
    "M208" "不是年龄，或不能得出所要的单位" "not an age, or one that does not tell the unit asked for" "按 56、3岁2月、25天 这样的写法送"
    "M209" "缺少必需的值" "a required value is missing" "按来源路径补送"
    "M210" "代码未对照，原样放行" "a local code that nobody has mapped went on as it was" "在码表中补一行；要让报文等待对照，把 unknown 改为 park"
    "M211" "表中没有这一项" "a key that the table of the source does not have" "在表中补一行，或为表写上 unknown = \"absent\""
    "M212" "单位不能换算" "a unit is missing, or the table does not know the way" "送单位，或在单位表中补一行"
    "M213" "报文中两处说法矛盾" "two places of the message contradict each other" "核对后只送一种说法"
    "M214" "算不出结果" "a result has too many digits, or the divisor is zero" "核对参与计算的数"
    "M215" "日期先后颠倒" "the later date is before the earlier" "核对两个日期"
}
