//! What is kept, and the socket for commands.

keys! {
    ["outbox" ""]
    dir Default "\"/var/lib/his-agent/outbox\""
        "发件箱的目录，要放在本机磁盘上，不要放在网络盘上。"
        "Folder of the outbox; on a disk of this machine, not on a network share."
    waiting_max Default "1024"
        "等待落盘的报文数，多出的答 503。"
        "Messages that may wait for the disk; further ones are answered 503."
    write_buffer_bytes Default "33554432"
        "内存里最多积多少字节再写成数据表（已在日志里，断电不丢）；内存小的机器可以小到 65536，磁盘会忙些。"
        "Bytes that gather in memory before they go into a table (the log has them: a power cut loses none); a machine with little memory may go down to 65536, for a busier disk."
    low_water Default "\"auto\""
        "磁盘空闲低于这么多就暂停接收（答 503），转发和审查照常：\"5%\"、\"2GiB\" 或 auto（1 GiB，不超过磁盘的一成）。"
        "Below so much free disk nothing new is taken in (503) while forwarding and checks go on: \"5%\", \"2GiB\", or auto (1 GiB, at most a tenth of the disk)."
    high_water Default "\"auto\""
        "空闲回到这么多就自动恢复接收；auto 是 2 GiB，不超过磁盘的一成半。"
        "From so much free disk on it is taken in again; auto is 2 GiB, at most 15% of the disk."
    key Nothing "\"credential:master.key\""
        "发件箱内容加密的主密钥（64 位十六进制），写 file:路径、env:变量名 或 credential:凭据名；不写时第一次启动在发件箱目录旁生成 store.key。必须另外备份，丢了发件箱里的内容谁也读不出。"
        "The key everything in the outbox is sealed with (64 hexadecimal digits): file:PATH, env:NAME or credential:NAME; without it store.key beside the outbox, made at the first start. Keep a copy elsewhere: without it nobody can read the outbox."

    ["messages" ""]
    keep_days Default "90"
        "一份报文的来龙去脉（时间、通道、记录、状态）可以查多少天。"
        "Days that one can see what became of a message: time, channel, records, state."
    raw_keep_days Default "30"
        "报文原样保留多少天，供查看和举证；0 表示不保留。"
        "Days that messages are kept as they came; 0 keeps none."
    raw_bytes_max Default "10737418240"
        "原样报文在盘上最多占多少字节（已压缩）；超过时从最早的删起。"
        "Bytes of these on the disk, compressed; beyond it the oldest go."
    records_keep_days Default "30"
        "平台已确认的记录保留多少天，供重发；0 表示确认后就删。"
        "Days that records stay after the platform has confirmed them, to be replayed; 0 lets them go at once."
    records_bytes_max Default "10737418240"
        "已确认的记录最多占多少字节；超过时从最早的删起。"
        "Bytes of confirmed records; beyond it the oldest go."

    ["control" ""]
    socket Nothing "\"/run/his-agent/control.sock\""
        "命令行与运行中的前置机通信的 unix 套接字；不写就放在发件箱目录旁边，名为 control.sock。"
        "The unix socket by which commands reach the running daemon; control.sock beside the outbox when left out."

    ["quality" ""]
    dir Nothing "\"/var/lib/his-agent/quality\""
        "数据质量统计的目录，一天一个文件；不写就放在发件箱目录旁边，名为 quality。"
        "Folder of the data quality counts, a file a day; quality beside the outbox when left out."
    keep_days Default "400"
        "数据质量统计保留多少天。"
        "Days that data quality counts are kept."
}
