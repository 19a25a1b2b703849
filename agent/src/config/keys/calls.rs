//! The book of all calls.

keys! {
    ["calls" ""]
    dir Nothing "\"/var/lib/his-agent/calls\""
        "调用记录的目录：每次调用一行，一天一个文件，没有患者数据；不写就放在发件箱目录旁边，名为 calls。"
        "The folder of the book of calls: a line a call, a file a day, nothing of patients; beside the outbox, named calls, when left out."
    keep_days Default "190"
        "调用记录留多少天；网络安全法要求日志留六个月以上。"
        "Days that calls are kept; the law asks for half a year of logs."
    bytes_max Default "4294967296"
        "调用记录最多多少字节：一半归当天（写满后当天不再记，告警 I233），一半归以前的日子（压缩存放，超过时先删最早的）。"
        "Bytes of the book: half for today, which then takes no more (I233), half for the days before, packed, of which the oldest go."
}
