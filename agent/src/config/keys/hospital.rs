//! The whole program, and whose it is.

keys! {
    ["" ""]
    stop_deadline_ms Default "30000"
        "停止时最多等多少毫秒；到时没送完的记录留在盘上，下次启动接着送。"
        "How long a stop may take, in milliseconds; what is left stays on disk for the next start."

    ["hospital" ""]
    code Must "\"H99999900001\""
        "医疗机构在医保的定点编码，写进每条记录和路由键，只能用字母和数字。"
        "The institution's code at the insurer, part of every record and routing key: letters and digits only."
    name Must "\"示例市人民医院\""
        "医疗机构名称，给人看的。"
        "The institution's name, for people."
    profile Default "\"national\""
        "地区版本：本地区对长度、代码、必填项的改动；映射可以用自己的 profile 另选。"
        "The regional version of the standard; a mapping may choose another with its own `profile`."
    grade Default "\"other\""
        "医院等级，决定违规证据（有问题的审查及其请求原文）至少保留多久：tertiary 三级甲等 5 年，secondary 二级甲等 3 年，other 其他 1 年。"
        "The institution's grade, which says how long evidence of findings stays at least: tertiary 5 years, secondary 3, other 1."
}
