//! The register of everything this crate can say about a message.
//!
//! A code never changes its meaning and is never used again for another. D1xx is about the body as
//! a whole, D2xx about its character encoding, D3xx about XML, D4xx about JSON, D5xx about forms,
//! D6xx about SOAP, D7xx about delimited text and what fields are wrapped in, D8xx about HL7; D9xx
//! are notes on messages that were accepted.

/// One thing that can be wrong with a message.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeEntry {
    /// `D306`: for programs, the manual and the telephone.
    pub code: &'static str,
    /// What is wrong, for the HIS developer.
    pub zh: &'static str,
    /// What is wrong, for the log.
    pub en: &'static str,
    /// What to change, for the HIS developer.
    pub remedy_zh: &'static str,
}

/// The entry of a code.
pub fn find(code: &str) -> Option<&'static CodeEntry> {
    CODES.iter().find(|entry| entry.code == code)
}

/// Every code, in order. The manual is written from this list.
pub static CODES: &[CodeEntry] = &[
    EMPTY_BODY,
    BODY_TOO_LARGE,
    WRONG_CONTENT_TYPE,
    WRONG_FORMAT,
    UNKNOWN_FORMAT,
    TOO_MANY_NODES,
    TOO_DEEP,
    TEXT_TOO_LONG,
    TOO_MANY_ATTRIBUTES,
    TOO_MANY_NAMESPACES,
    CONTROL_CHARACTER,
    DOCUMENT_TOO_LARGE,
    PART_TOO_LONG,
    UNDECODABLE,
    CUT_CHARACTER,
    MIXED_ENCODINGS,
    DOCTYPE,
    UNKNOWN_ENTITY,
    BAD_CHARACTER_REFERENCE,
    RAW_AMPERSAND,
    RAW_LESS_THAN,
    MISMATCHED_END,
    UNCLOSED_ELEMENT,
    UNOPENED_END,
    OUTSIDE_ROOT,
    UNBOUND_PREFIX,
    BROKEN_ATTRIBUTE,
    REPEATED_ATTRIBUTE,
    UNFINISHED_MARKUP,
    NESTED_CDATA,
    STRAY_CDATA_END,
    NO_ROOT,
    UNEXPECTED,
    ENDS_EARLY,
    REPEATED_KEY,
    BAD_ESCAPE,
    LONE_SURROGATE,
    ESCAPED_NUL,
    RAW_CONTROL,
    BAD_NUMBER,
    AFTER_THE_END,
    SCALAR,
    SINGLE_QUOTES,
    TRAILING_COMMA,
    BAD_WORD,
    UNNAMED_FIELD,
    NOT_AN_ENVELOPE,
    VERSION_MISMATCH,
    MUST_UNDERSTAND,
    NO_OPERATION,
    UNKNOWN_OPERATION,
    WRONG_NAMESPACE,
    UNCLOSED_QUOTE,
    AFTER_QUOTE,
    TOO_MANY_CELLS,
    NOT_BASE64,
    NOT_GZIP,
    UNFOLDS_TOO_FAR,
    NOT_HEX,
    NOT_PERCENT,
    CANNOT_DECRYPT,
    NOT_A_WORKBOOK,
    NO_SHEET,
    NOT_HL7,
    BAD_DELIMITERS,
    BAD_SEGMENT,
    SEVERAL_MESSAGES,
    BATCH,
    BROKEN_FRAME,
    DECLARED_OTHERWISE,
    UNKNOWN_ENCODING,
    TWICE_ENCODED,
    ALREADY_DAMAGED,
    DECLARATION_DROPPED,
    TRAILING_NULS,
    SKIPPED,
    CONTROLS_TAKEN_OUT,
    NULS_TAKEN_OUT,
];

// Body and format.

pub(crate) const EMPTY_BODY: CodeEntry = CodeEntry {
    code: "D101",
    zh: "报文是空的，或只有空白",
    en: "the body is empty or holds only blanks",
    remedy_zh: "请检查发送程序是否在组好报文之前就调用了接口；探活请改用 /healthz",
};

pub(crate) const BODY_TOO_LARGE: CodeEntry = CodeEntry {
    code: "D102",
    zh: "报文超过大小上限",
    en: "the body is larger than the limit",
    remedy_zh: "请分批发送，或请管理员调大该通道的报文大小上限",
};

pub(crate) const WRONG_CONTENT_TYPE: CodeEntry = CodeEntry {
    code: "D103",
    zh: "报文是文件、图片或 multipart 表单，不是文本报文",
    en: "the body is a file, a picture or a multipart form, not a text message",
    remedy_zh: "请把 XML 或 JSON 直接放在请求体里发送，Content-Type 用 text/xml 或 application/json",
};

pub(crate) const WRONG_FORMAT: CodeEntry = CodeEntry {
    code: "D104",
    zh: "报文格式与该通道配置的格式不一致",
    en: "the body is not in the format of its channel",
    remedy_zh: "请核对调用的地址；或请管理员修改该通道的 format",
};

pub(crate) const UNKNOWN_FORMAT: CodeEntry = CodeEntry {
    code: "D105",
    zh: "无法识别报文格式：不是 XML、JSON，也不是表单",
    en: "the body is neither XML nor JSON nor a form",
    remedy_zh: "报文应以 <、{ 或 [ 开头，或为 名称=值 形式的表单",
};

pub(crate) const TOO_MANY_NODES: CodeEntry = CodeEntry {
    code: "D106",
    zh: "报文中的元素个数超过上限",
    en: "the message has more nodes than the limit",
    remedy_zh: "请分批发送",
};

pub(crate) const TOO_DEEP: CodeEntry = CodeEntry {
    code: "D107",
    zh: "报文嵌套层数超过上限",
    en: "the message is nested deeper than the limit",
    remedy_zh: "请检查组报文的程序是否循环嵌套",
};

pub(crate) const TEXT_TOO_LONG: CodeEntry = CodeEntry {
    code: "D108",
    zh: "单个值的长度超过上限",
    en: "one value is longer than the limit",
    remedy_zh: "请检查该字段；大附件不要放在报文里",
};

pub(crate) const TOO_MANY_ATTRIBUTES: CodeEntry = CodeEntry {
    code: "D109",
    zh: "单个元素的属性个数超过上限",
    en: "one element has more attributes than the limit",
    remedy_zh: "请检查组报文的程序",
};

pub(crate) const TOO_MANY_NAMESPACES: CodeEntry = CodeEntry {
    code: "D110",
    zh: "同时有效的命名空间声明过多",
    en: "too many namespaces are declared inside each other",
    remedy_zh: "请检查组报文的程序；命名空间在根元素上声明一次即可",
};

pub(crate) const CONTROL_CHARACTER: CodeEntry = CodeEntry {
    code: "D111",
    zh: "文本中含有控制字符",
    en: "the text holds a control character",
    remedy_zh: "请在发送前去掉该位置的控制字符（常见于从其他系统粘贴的文字，或未清空的字符缓冲区）",
};

pub(crate) const DOCUMENT_TOO_LARGE: CodeEntry = CodeEntry {
    code: "D112",
    zh: "报文内各层嵌套报文合计过大",
    en: "the documents opened inside the message are too large together",
    remedy_zh: "请分批发送",
};

pub(crate) const PART_TOO_LONG: CodeEntry = CodeEntry {
    code: "D113",
    zh: "流式通道的报文中，一条明细或明细之外的内容过长",
    en: "in a streamed document one item, or what stands beside the items, is too long",
    remedy_zh: "请核对通道的 stream 是否指向逐条重复的元素；明细之外的内容应简短，且写在明细之前",
};

// Character encoding.

pub(crate) const UNDECODABLE: CodeEntry = CodeEntry {
    code: "D201",
    zh: "报文的字节不符合所声明的编码，也不是 UTF-8 或 GB18030",
    en: "the bytes are text in no encoding that was declared or is usual",
    remedy_zh: "请统一用 UTF-8 或 GBK 编码整个报文，并如实声明",
};

pub(crate) const CUT_CHARACTER: CodeEntry = CodeEntry {
    code: "D202",
    zh: "报文在一个汉字的中间被截断",
    en: "the body ends inside a character",
    remedy_zh: "请检查按字节截取字符串的代码，以及 Content-Length 是否按字节计算",
};

pub(crate) const MIXED_ENCODINGS: CodeEntry = CodeEntry {
    code: "D203",
    zh: "报文中混有 UTF-8 和其他编码，或有汉字被截断",
    en: "part of the body is UTF-8 and part is not",
    remedy_zh: "请检查该位置的字段是否来自另一系统，发送前统一编码",
};

// XML.

pub(crate) const DOCTYPE: CodeEntry = CodeEntry {
    code: "D301",
    zh: "不接受 DOCTYPE 声明",
    en: "a DOCTYPE is not accepted",
    remedy_zh: "请去掉 <!DOCTYPE ...>；实体请直接写成文字",
};

pub(crate) const UNKNOWN_ENTITY: CodeEntry = CodeEntry {
    code: "D302",
    zh: "引用了 XML 没有定义的实体",
    en: "an entity that XML does not define",
    remedy_zh: "只能用 &lt; &gt; &amp; &quot; &apos; 和字符引用；&nbsp; 等 HTML 实体请改为文字",
};

pub(crate) const BAD_CHARACTER_REFERENCE: CodeEntry = CodeEntry {
    code: "D303",
    zh: "字符引用指向 XML 不允许的字符",
    en: "a reference to a character that XML does not allow",
    remedy_zh: "请去掉该引用，或改为正确的字符",
};

pub(crate) const RAW_AMPERSAND: CodeEntry = CodeEntry {
    code: "D304",
    zh: "文本中有未转义的 &",
    en: "an & that begins no reference",
    remedy_zh: "请把 & 写成 &amp;，或把整段文字放进 CDATA",
};

pub(crate) const RAW_LESS_THAN: CodeEntry = CodeEntry {
    code: "D305",
    zh: "文本中有未转义的 <，或标签名不合法",
    en: "a < that begins no tag",
    remedy_zh: "请把 < 写成 &lt;，或把整段文字放进 CDATA；标签名不能以数字或空格开头",
};

pub(crate) const MISMATCHED_END: CodeEntry = CodeEntry {
    code: "D306",
    zh: "结束标签与尚未关闭的元素不对应",
    en: "an end tag that does not close the element that is open",
    remedy_zh: "请检查起始位置的元素是否漏写结束标签",
};

pub(crate) const UNCLOSED_ELEMENT: CodeEntry = CodeEntry {
    code: "D307",
    zh: "报文结束时仍有元素没有关闭",
    en: "the text ends while an element is open",
    remedy_zh: "请检查起始位置的元素是否漏写结束标签，或报文是否被截断",
};

pub(crate) const UNOPENED_END: CodeEntry = CodeEntry {
    code: "D308",
    zh: "多余的结束标签",
    en: "an end tag while no element is open",
    remedy_zh: "请删去该结束标签，或补上对应的开始标签",
};

pub(crate) const OUTSIDE_ROOT: CodeEntry = CodeEntry {
    code: "D309",
    zh: "根元素之外还有内容，或有两个根元素",
    en: "something stands outside the one root element",
    remedy_zh: "一个报文只能有一个根元素，其后不能再有文字",
};

pub(crate) const UNBOUND_PREFIX: CodeEntry = CodeEntry {
    code: "D310",
    zh: "使用了没有声明的命名空间前缀",
    en: "a namespace prefix that was not declared",
    remedy_zh: "请在根元素上用 xmlns:前缀=\"...\" 声明，或去掉前缀",
};

pub(crate) const BROKEN_ATTRIBUTE: CodeEntry = CodeEntry {
    code: "D311",
    zh: "属性写法不正确",
    en: "an attribute without =, without quotes or with < in it",
    remedy_zh: "属性应写成 名称=\"值\"，值中的 < 写成 &lt;，双引号写成 &quot;",
};

pub(crate) const REPEATED_ATTRIBUTE: CodeEntry = CodeEntry {
    code: "D312",
    zh: "同一元素中属性重复",
    en: "the same attribute twice in one element",
    remedy_zh: "请删去重复的属性",
};

pub(crate) const UNFINISHED_MARKUP: CodeEntry = CodeEntry {
    code: "D313",
    zh: "标签、注释或 CDATA 没有结束",
    en: "a tag, comment or CDATA section that never ends",
    remedy_zh: "请补上 >、--> 或 ]]>，或检查报文是否被截断",
};

pub(crate) const NESTED_CDATA: CodeEntry = CodeEntry {
    code: "D314",
    zh: "CDATA 中又有 CDATA：里层的 ]]> 提前结束了外层",
    en: "a CDATA section inside another: the inner ]]> ended the outer one",
    remedy_zh: "请把里层的 ]]> 写成 ]]]]><![CDATA[>，或把里层报文转义（&lt;）后再放入",
};

pub(crate) const STRAY_CDATA_END: CodeEntry = CodeEntry {
    code: "D315",
    zh: "文本中有未转义的 ]]>",
    en: "]]> in plain text",
    remedy_zh: "请把其中的 > 写成 &gt;",
};

pub(crate) const NO_ROOT: CodeEntry = CodeEntry {
    code: "D316",
    zh: "没有根元素",
    en: "there is no root element",
    remedy_zh: "报文应有且只有一个根元素",
};

// JSON.

pub(crate) const UNEXPECTED: CodeEntry = CodeEntry {
    code: "D401",
    zh: "此处的字符不符合 JSON 语法",
    en: "a character that cannot stand there",
    remedy_zh: "请检查该位置前后的逗号、冒号、引号和括号",
};

pub(crate) const ENDS_EARLY: CodeEntry = CodeEntry {
    code: "D402",
    zh: "JSON 没有结束",
    en: "the text ends before the JSON does",
    remedy_zh: "请补全括号和引号，或检查报文是否被截断",
};

pub(crate) const REPEATED_KEY: CodeEntry = CodeEntry {
    code: "D403",
    zh: "同一对象中键名重复",
    en: "the same key twice in one object",
    remedy_zh: "请删去重复的键；多个值请用数组",
};

pub(crate) const BAD_ESCAPE: CodeEntry = CodeEntry {
    code: "D404",
    zh: "字符串中的转义写法不正确",
    en: "an escape that JSON does not have",
    remedy_zh: "反斜杠请写成 \\\\；\\u 后应有 4 位十六进制数字",
};

pub(crate) const LONE_SURROGATE: CodeEntry = CodeEntry {
    code: "D405",
    zh: "字符串中有不成对的 UTF-16 代理项（半个字符）",
    en: "half of a surrogate pair",
    remedy_zh: "请检查按长度截取字符串的代码",
};

pub(crate) const ESCAPED_NUL: CodeEntry = CodeEntry {
    code: "D406",
    zh: "字符串中含有 \\u0000",
    en: "the character U+0000",
    remedy_zh: "请在发送前去掉 \\u0000",
};

pub(crate) const RAW_CONTROL: CodeEntry = CodeEntry {
    code: "D407",
    zh: "字符串中有未转义的换行、制表符或控制字符",
    en: "a raw line break or control character in a string",
    remedy_zh: "请写成 \\n、\\r、\\t 等转义形式",
};

pub(crate) const BAD_NUMBER: CodeEntry = CodeEntry {
    code: "D408",
    zh: "数字写法不正确",
    en: "a number that is not written as JSON writes numbers",
    remedy_zh: "数字不能有前导 0、前导 + 或省略整数部分；编号请用字符串",
};

pub(crate) const AFTER_THE_END: CodeEntry = CodeEntry {
    code: "D409",
    zh: "JSON 结束之后还有内容",
    en: "something stands after the end",
    remedy_zh: "一个报文只能有一个 JSON 值",
};

pub(crate) const SCALAR: CodeEntry = CodeEntry {
    code: "D410",
    zh: "最外层不是对象或数组",
    en: "the outermost value is neither an object nor a list",
    remedy_zh: "最外层应为 { } 或 [ ]",
};

pub(crate) const SINGLE_QUOTES: CodeEntry = CodeEntry {
    code: "D411",
    zh: "使用了单引号",
    en: "single quotes in place of double ones",
    remedy_zh: "JSON 的键名和字符串必须用双引号",
};

pub(crate) const TRAILING_COMMA: CodeEntry = CodeEntry {
    code: "D412",
    zh: "最后一项之后多了逗号",
    en: "a comma with nothing after it",
    remedy_zh: "请删去最后一个逗号",
};

pub(crate) const BAD_WORD: CodeEntry = CodeEntry {
    code: "D413",
    zh: "有未加引号的文字（只允许 true、false、null）",
    en: "a bare word other than true, false and null",
    remedy_zh: "NaN、Infinity、undefined 请改为 null 或不传；其他文字请加双引号",
};

// Forms.

pub(crate) const UNNAMED_FIELD: CodeEntry = CodeEntry {
    code: "D501",
    zh: "表单中有没有名称的字段",
    en: "a form field without a name",
    remedy_zh: "表单应为 名称=值&名称=值；值中的 & 请写成 %26",
};

// SOAP.

pub(crate) const NOT_AN_ENVELOPE: CodeEntry = CodeEntry {
    code: "D601",
    zh: "根元素不是 SOAP Envelope",
    en: "the root element is not a SOAP envelope",
    remedy_zh: "请检查 Envelope 的写法，或改用不带 SOAP 的地址",
};

pub(crate) const VERSION_MISMATCH: CodeEntry = CodeEntry {
    code: "D602",
    zh: "Envelope 与 Body、Header 的命名空间不一致，或不是 SOAP 1.1、1.2",
    en: "the envelope, or a part of it, is of another SOAP version",
    remedy_zh: "请在整个信封中使用同一个 SOAP 命名空间",
};

pub(crate) const MUST_UNDERSTAND: CodeEntry = CodeEntry {
    code: "D603",
    zh: "SOAP Header 中有要求必须处理（mustUnderstand）而本服务不支持的内容",
    en: "a header that must be understood and is not known",
    remedy_zh: "请去掉该 Header，或去掉 mustUnderstand",
};

pub(crate) const NO_OPERATION: CodeEntry = CodeEntry {
    code: "D604",
    zh: "SOAP Body 缺失，或其中没有方法",
    en: "the envelope has no body or its body no operation",
    remedy_zh: "请在 Body 中放入要调用的方法元素",
};

pub(crate) const UNKNOWN_OPERATION: CodeEntry = CodeEntry {
    code: "D605",
    zh: "这个服务没有所调用的方法",
    en: "the service has no such operation",
    remedy_zh: "请核对方法名、SOAPAction 和地址；方法写在通道的 [[channel.soap.operation]] 里",
};

pub(crate) const WRONG_NAMESPACE: CodeEntry = CodeEntry {
    code: "D606",
    zh: "方法的命名空间不是这个服务的",
    en: "the operation is in a namespace that is not the service's",
    remedy_zh: "请把通道 [channel.soap] 的 namespace 改成客户端编译时用的那个，一个字符也不能差，或写进 also_namespaces",
};

// Delimited text, and what fields are wrapped in.

pub(crate) const UNCLOSED_QUOTE: CodeEntry = CodeEntry {
    code: "D701",
    zh: "单元格的引号没有结束",
    en: "a quoted cell that never ends",
    remedy_zh: "引号中的引号请写两遍；也请检查报文是否被截断",
};

pub(crate) const AFTER_QUOTE: CodeEntry = CodeEntry {
    code: "D702",
    zh: "引号结束之后不是分隔符",
    en: "something other than a separator behind a closing quote",
    remedy_zh: "引号中的引号请写两遍；引号应包住整个单元格",
};

pub(crate) const TOO_MANY_CELLS: CodeEntry = CodeEntry {
    code: "D703",
    zh: "这一行的单元格比列名多",
    en: "a row has more cells than there are names",
    remedy_zh: "含有分隔符的单元格请加引号；或请核对列名的个数",
};

pub(crate) const NOT_BASE64: CodeEntry = CodeEntry {
    code: "D704",
    zh: "字段内容不是 Base64",
    en: "the field does not hold base64",
    remedy_zh: "请检查该字段是否已经是明文，或在传输中被改动",
};

pub(crate) const NOT_GZIP: CodeEntry = CodeEntry {
    code: "D705",
    zh: "字段内容不是 gzip，或已损坏、被截断",
    en: "what the field carries is not gzip, or is damaged",
    remedy_zh: "请检查压缩方式是否为 gzip（不是 zip、zlib），以及内容是否完整",
};

pub(crate) const UNFOLDS_TOO_FAR: CodeEntry = CodeEntry {
    code: "D706",
    zh: "字段解开后的长度超过上限",
    en: "the field unfolds into more than the limit",
    remedy_zh: "请分批发送；大附件不要放在报文里",
};

pub(crate) const NOT_HEX: CodeEntry = CodeEntry {
    code: "D707",
    zh: "内容不是十六进制数字",
    en: "what should be hexadecimal digits is not",
    remedy_zh: "两位数字一个字节，只用 0-9、A-F；请检查是否已经是明文，或在传输中被改动",
};

pub(crate) const NOT_PERCENT: CodeEntry = CodeEntry {
    code: "D708",
    zh: "百分号后面不是两位十六进制数字",
    en: "a percent sign without two hexadecimal digits behind it",
    remedy_zh: "请检查 URL 编码是否做了，而且只做了一次",
};

pub(crate) const CANNOT_DECRYPT: CodeEntry = CodeEntry {
    code: "D709",
    zh: "解不开密文",
    en: "what was encrypted cannot be decrypted",
    remedy_zh: "请与前置机核对加密方法、密钥、初始向量和填充方式，以及密文是否完整",
};

pub(crate) const NOT_A_WORKBOOK: CodeEntry = CodeEntry {
    code: "D710",
    zh: "文件不是 Excel 工作簿（.xlsx），或已损坏、加了密码",
    en: "the file is no Excel workbook, or is damaged or encrypted",
    remedy_zh: "用 Excel 或 WPS 另存为 .xlsx（不加密码），或另存为 CSV",
};

pub(crate) const NO_SHEET: CodeEntry = CodeEntry {
    code: "D711",
    zh: "工作簿里没有这个工作表",
    en: "the workbook has no such sheet",
    remedy_zh: "核对工作表的名称",
};

// HL7 v2.

pub(crate) const NOT_HL7: CodeEntry = CodeEntry {
    code: "D801",
    zh: "报文不是以 MSH 开头的 HL7 v2 消息",
    en: "the text does not begin with an HL7 v2 header",
    remedy_zh: "HL7 v2 消息应以 MSH 段开头",
};

pub(crate) const BAD_DELIMITERS: CodeEntry = CodeEntry {
    code: "D802",
    zh: "MSH 段的分隔符不完整、重复或不是标点",
    en: "the delimiters in the header are missing, repeated or no punctuation",
    remedy_zh: "MSH 段应以 MSH|^~\\& 开头",
};

pub(crate) const BAD_SEGMENT: CodeEntry = CodeEntry {
    code: "D803",
    zh: "该行不是以段名开头（三个大写字母或数字）",
    en: "a line that begins with no segment name",
    remedy_zh: "字段中的换行请写成 \\.br\\；段之间用回车（0x0D）分隔",
};

pub(crate) const SEVERAL_MESSAGES: CodeEntry = CodeEntry {
    code: "D804",
    zh: "一次发送了多条 HL7 消息",
    en: "several HL7 messages in one body",
    remedy_zh: "一次请求只发一条消息，等收到应答后再发下一条",
};

pub(crate) const BATCH: CodeEntry = CodeEntry {
    code: "D805",
    zh: "不接受 HL7 批文件（FHS、BHS）",
    en: "an HL7 batch is not accepted",
    remedy_zh: "请把批中的消息逐条发送",
};

pub(crate) const BROKEN_FRAME: CodeEntry = CodeEntry {
    code: "D806",
    zh: "MLLP 帧不完整：没有 0x1C 结束符，或结束符之后还有内容",
    en: "an MLLP frame without its end, or with something behind it",
    remedy_zh: "消息应以 0x0B 开始，以 0x1C 0x0D 结束",
};

// Notes: the message was accepted all the same.

pub(crate) const DECLARED_OTHERWISE: CodeEntry = CodeEntry {
    code: "D901",
    zh: "声明的编码与实际不符，已按实际编码读取",
    en: "the bytes are not in the declared encoding",
    remedy_zh: "请如实声明编码",
};

pub(crate) const UNKNOWN_ENCODING: CodeEntry = CodeEntry {
    code: "D902",
    zh: "声明的编码名称无法识别，已按内容判断",
    en: "the declared encoding has an unknown name",
    remedy_zh: "请使用 UTF-8 或 GB18030",
};

pub(crate) const TWICE_ENCODED: CodeEntry = CodeEntry {
    code: "D903",
    zh: "文本疑似经过两次编码（没有汉字，却有连续的西文扩展字符）",
    en: "the text looks as if it was encoded twice",
    remedy_zh: "请检查发送程序是否把 UTF-8 字节按单字节编码再次转换",
};

pub(crate) const ALREADY_DAMAGED: CodeEntry = CodeEntry {
    code: "D904",
    zh: "文本中已有替换字符（U+FFFD），在发送之前就已损坏",
    en: "the text holds U+FFFD: it was damaged before it was sent",
    remedy_zh: "请在源系统查明该位置的文字在哪一步损坏",
};

pub(crate) const DECLARATION_DROPPED: CodeEntry = CodeEntry {
    code: "D905",
    zh: "XML 声明写法不正确或位置不对，已忽略",
    en: "the XML declaration is malformed or misplaced and was ignored",
    remedy_zh: "声明应为 <?xml version=\"1.0\" encoding=\"UTF-8\"?>，且只在最前面出现一次",
};

pub(crate) const TRAILING_NULS: CodeEntry = CodeEntry {
    code: "D906",
    zh: "报文末尾的 NUL 字节已去掉",
    en: "NUL bytes after the end were cut off",
    remedy_zh: "请按实际长度发送，不要发送整个缓冲区",
};

pub(crate) const SKIPPED: CodeEntry = CodeEntry {
    code: "D907",
    zh: "已按通道配置跳过报文前面的内容",
    en: "what stood before the message was skipped, as the channel says",
    remedy_zh: "请直接发送报文本身，不要带上 HTTP 头等内容",
};

pub(crate) const CONTROLS_TAKEN_OUT: CodeEntry = CodeEntry {
    code: "D908",
    zh: "已按通道配置去掉控制字符",
    en: "control characters were taken out, as the channel says",
    remedy_zh: "请在源系统去掉控制字符",
};

pub(crate) const NULS_TAKEN_OUT: CodeEntry = CodeEntry {
    code: "D909",
    zh: "已按通道配置去掉 NUL 字符",
    en: "NULs were taken out, as the channel says",
    remedy_zh: "请按实际长度发送，不要发送未清空的缓冲区",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_different() {
        for pair in CODES.windows(2) {
            if let [left, right] = pair {
                assert!(left.code < right.code, "{} stands before {}", left.code, right.code);
            }
        }
        assert_eq!(find("D306").map(|entry| entry.en), Some(MISMATCHED_END.en));
        assert_eq!(find("D999"), None);
    }
}
