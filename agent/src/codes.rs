//! Every code that the daemon itself gives, with what it means and what to do. The codes about
//! messages, mappings and rules are registered in the crates that find the faults; the manual's
//! page of codes is written from all registers together.
//!
//! `A` is the configuration, `B` backups, `I` a door, `O` the outbox, `F` forwarding, `H` the health of the
//! machine, `Q` data quality. A code never changes its meaning and is never used for another.

use schemas::CodeEntry;

macro_rules! codes {
    ($($code:literal $zh:literal $en:literal $remedy:literal)*) => {
        /// The register of this crate, in order.
        pub static CODES: &[CodeEntry] =
            &[$(CodeEntry { code: $code, zh: $zh, en: $en, remedy_zh: $remedy }),*];
    };
}

codes! {
    "A001" "文件或目录读不出" "a file or folder cannot be read" "核对路径和权限；运行前置机的用户要能读它"
    "A002" "配置文件不是正确的 TOML" "the configuration is not valid TOML" "按提示的行列修改"
    "A003" "没有这个配置项" "there is no such key" "按提示的近似名改正；各配置项见 config/agent.toml"
    "A004" "配置项的值不对" "a key has a wrong value" "按提示的类型和范围填写"
    "A005" "缺少必须填写的配置项" "a key that must be given is missing" "补上该项"
    "A006" "配置项的值含有不允许的字符" "a value has characters that are not allowed" "该值是地址或路由键的一部分，按提示只用允许的字符"
    "A007" "监听本机以外的地址，而不用 TLS" "an address off this machine, and no TLS" "在 [tls] 写 cert_file、key_file（docs/callers.md）；或改为 127.0.0.1；确实接受明文过网时写 clear_text_off_loopback = true"
    "A008" "两个通道同名" "two channels have one name" "给其中一个改名"
    "A009" "密钥读不到，或不是它自己说的写法" "a secret cannot be read where it is kept, or is not written as it says" "核对文件权限、环境变量或 systemd 凭据；hex:、base64: 后面要是那种写法"
    "A010" "口令或密钥直接写在了配置里" "a password or key is written into the configuration" "写到单独的文件里，配置里写 file:路径、env:变量名 或 credential:凭据名"
    "A011" "通道没有可用的映射" "a channel has no mapping" "核对 mappings 的写法：映射文件路径的开头，例如 platform/"
    "A012" "数据元、映射或规则的文件在读的时候一直在变" "the files of a set keep changing while they are read" "等复制完成；停下后自动再读。想一步到位：先复制到旁边，再改名"
    "A013" "这套文件启用后被自动换回" "this set was taken back after it was put in force" "看列出的死信里拒收的原因，改好映射或码表；文件一变就会再试。确认没有问题：his-agent sets reload --again"
    "A014" "存档里的一套文件与存档时不同" "a kept set is no longer what was kept" "查磁盘；不要改存档目录里的文件"
    "A015" "装入一套文件时程序出错" "a fault of the program while a set was loaded" "在用的一套不受影响；请保留日志和那一套文件并报告"
    "A016" "没有在比较的候选" "no candidate is being compared" "先执行 his-agent shadow start --mappings 目录"
    "A017" "候选的文件在开始比较以后又变了" "the candidate has changed since the comparison began" "重新执行 shadow start，比较过再启用"
    "A018" "没有地方放候选：用的是程序自带的映射" "the mappings built in have no folder to be exchanged" "在配置里写明 [sets] mappings 目录，重启后再启用"
    "A019" "映射目录换不了" "the folder of mappings could not be exchanged" "核对映射目录及其上一级目录的权限；挂载点和符号链接请手工换"
    "A021" "[[query]] 写了标准里没有的实体或数据元" "a [[query]] names an entity or element that the dictionary does not have" "按提示的近似名改正；his-agent schema export --as markdown 列出全部"
    "A022" "[[subscription]] 写了标准里没有的实体或数据元" "a [[subscription]] names an entity or element that the dictionary does not have" "按提示的近似名改正；数据元要在订阅的某个实体里；his-agent schema export --as markdown 列出全部"
    "A023" "SOAP 的订阅没有写 answer_has：不是 SOAP 错误的 200 都算收下" "a SOAP subscription without answer_has: any 200 that is no fault counts as taken" "写上对方收下时答复里一定有的文字，例如 answer_has = \"<code>0</code>\""
    "A031" "没有这个版本，或没有等着换上的配置" "there is no such version, or none waits to be put in force" "his-agent config history 列出全部版本"
    "A032" "配置写得对，但不能这样换上" "the configuration is right and cannot be put in force this way" "按提示做：目录要停机搬，地址要空着，修改人和理由要写"
    "A033" "agent.toml 里写的不是在用的配置" "agent.toml does not hold the configuration in force" "his-agent config diff 看差别；his-agent config apply 换上文件，或以有权写它的用户 his-agent config rollback 写回"
    "A034" "新配置换上以后变坏，已自动换回" "the new configuration was taken back: the agent was worse with it" "看日志和 his-agent config history 里写的原因，改好再提交"
    "A035" "版本存不下或读不出" "a version cannot be kept or read" "核对 versions 目录的权限和磁盘空间；不要改里面的文件"
    "A036" "这一部分配套文件是程序自带的，回不去" "these files came with the program and cannot be brought back" "在 [sets] 写一个目录，把要用的文件放进去"
    "A051" "监听的地址和端口已被占用" "an address to listen at is taken" "ss -ltnp 看是哪个程序占用：是另一个前置机就停掉一个，是别的程序就请它让出，或在提示的配置项里换一个端口；五秒后自动再试"
    "A052" "监听的地址不是本机的" "an address to listen at is none of this machine" "ip addr 看本机地址，改提示的配置项；网卡还没有起来时，五秒后自动再试"
    "A053" "没有权限监听这个端口" "no right to listen at this port" "1024 以下的端口普通用户不能用：换一个端口，或按 docs/service.md 给服务加 CAP_NET_BIND_SERVICE；改好后 systemctl start his-agent"
    "A054" "没有权限读写一个目录或文件" "no right to a folder or file" "提示的目录要属于运行前置机的用户：chown -R his-agent: 目录；放在 /var/lib/his-agent 以外时还要按 docs/service.md 在单元里写 ReadWritePaths；改好后 systemctl start his-agent"
    "A055" "目录所在的文件系统是只读的" "a folder lies on a read-only file system" "mount 看它是不是 ro：磁盘出错后内核会改成只读，看 dmesg，修好再挂载；不是 ro 时，是服务的沙箱没有放行，按 docs/service.md 写 ReadWritePaths。自动再试"
    "A057" "路上有一个环节没有动静" "a stage of the road stands still" "日志的 stage 是哪个环节：outbox 是磁盘没有应答，forward 是转发，doors 是接收，threads 是线程用尽。由 systemd 管理时两分钟没有动静就自动重新启动；常出现时查磁盘（dmesg、iostat）"
    "A058" "没有在时限内停下，进程直接结束" "a stop did not end in time; the process ended without it" "多为磁盘没有应答，查 dmesg。已接收的都在盘上，下次启动接着送"

    "B101" "这里没有备份" "there is no backup" "写备份自己的目录，里面有 manifest.json；his-agent backup list 列出"
    "B102" "备份损坏" "the backup is damaged" "换一份备份；损坏的文件在提示里，查放备份的盘"
    "B103" "密钥不是打开这份备份的那一把" "the key is not the one that opens this backup" "按提示的指纹找：his-agent keys show 文件 看一把密钥的指纹"
    "B104" "备份的密钥读不出" "the key of the backup cannot be read" "核对路径和权限；文件里是 64 位十六进制"
    "B105" "要恢复到的地方已有数据" "there is data already where a backup is to be brought back to" "先移开提示的目录；恢复从不覆盖数据"
    "B106" "备份是更新的程序做的" "a newer program made the backup" "装同版本或更新的程序再恢复"
    "B107" "备份或恢复时读写不了文件" "a file could not be read or written" "核对目录的权限和空间；用 systemd 时备份目录要写进 ReadWritePaths"
    "B108" "已经有一份备份在做" "a backup is being made already" "等它做完：his-agent backup list"
    "B109" "备份读回来与原来不同" "a backup that was read back differs" "这份不算数，已删去；再做一次，反复出现请查盘并报告"
    "B110" "上一次备份没有做成" "the last backup was not made" "看提示的原因；十分钟后自动再试，空间不够（B114）时一小时后"
    "B111" "很久没有好的备份" "there was no good backup for long" "看 [backup] to 的盘在不在、满不满，日志里 B110 的原因；his-agent backup create 现在就做一份"
    "B112" "恢复做了一半，不启动" "a restore was cut off, and the agent does not begin without it" "再执行一次 his-agent backup restore；不恢复了就删去提示的文件"
    "B113" "配置指的不是这份备份里发件箱的主密钥" "the configuration names another key than that of the store in the backup" "什么都没有改动。把指纹对的主密钥放到配置指的地方（env: 就设好那个变量）再恢复；或在要恢复的配置里 [outbox] key 写一个还没有的文件，恢复时写出"
    "B114" "没有备份的空间" "there is no room for a backup" "腾出空间，或把 [backup] to 换到更大的盘：要有两份备份的空间，在发件箱那块盘上时还要留出 high_water，免得备份把门关了；校验（verify）用 --scratch 换一个目录"
    "B115" "备份和发件箱在同一块盘上" "backups lie on the disk of the store" "[backup] to 改到另一块盘或另一台机器上：盘坏了两样都没有"

    "F101" "连不上消息队列" "the broker cannot be reached" "核对地址、端口和防火墙；报 Operation not permitted 时是服务的 IPAddressAllow 没有放行，见 docs/service.md。记录留在发件箱里，连上后自动继续"
    "F102" "消息队列拒绝了连接" "the broker refused the connection" "核对用户、口令、虚拟主机和连接数上限"
    "F103" "消息队列关闭了信道" "the broker closed the channel" "按答复码请平台处理，之后自动继续；406 多为声明与已有的交换机、队列不一致"
    "F104" "消息队列关闭了连接" "the broker closed the connection" "多为平台重启或管理员断开，自动重连"
    "F105" "与消息队列的连接中断" "the connection to the broker is lost" "核对网络；自动重连，未确认的记录重发，message_id 不变"
    "F106" "消息队列长时间没有应答" "the broker was silent for too long" "多为平台磁盘或内存告警；自动重连。常出现时请平台查看，或调大 confirm_timeout_ms"
    "F107" "消息队列的应答对不上发出的消息" "the broker's answers cannot be matched" "自动断开重连并重发；反复出现请保留日志并报告"
    "F108" "消息队列的地址或证书不能用" "the broker's address or TLS material is not usable" "核对 url 的写法：amqp://用户:口令@主机:端口/虚拟主机"
    "F109" "平台的交换机不存在" "the platform's exchange is missing" "请平台建好 [forward] exchange 所写的 topic 交换机；记录留在发件箱，建好后自动继续"
    "F110" "没有写交换机的权限" "no right to write to the exchange" "请平台给本院用户写权限；记录留在发件箱，授权后自动继续"
    "F111" "TLS 证书不被接受或已过期" "a TLS certificate is not accepted or has expired" "看 last_error 说的是哪张证书：平台的请平台更换，本院的换 [forward] cert_file；核对本机时间和 ca_file、server_name。换好后自动继续（本院的换好后重启）"
    "F112" "平台要求暂停发送（内存或磁盘告警）" "the platform has asked us to pause: low on memory or disk" "请平台清理内存或磁盘；记录照收照存，告警解除后自动继续"
    "F113" "平台的队列不是仲裁队列" "the platform's queue is no quorum queue" "经典队列确认时可能还没有落盘，平台断电会丢已确认的消息；请平台改建仲裁队列（x-queue-type=quorum）"
    "F114" "证书将在 30 天内过期" "a certificate expires within 30 days" "到期前更换；status 里的 certificate_until 是到期时间"
    "F115" "平台队列的类型没有核对" "the type of the platform's queue is not checked" "在 [forward] 写 expect_queue = 队列名，并请平台给本院用户这个队列的 configure 权限；或请平台确认它是仲裁队列。原因见 /readyz 的 notices。不影响收发"
    "F201" "消息被退回：没有队列接收这个路由键" "returned: no queue takes this routing key" "请平台把队列绑定到交换机；记录保留并按间隔重试"
    "F202" "消息队列没有接收（nack）" "the broker did not accept it (nack)" "多为队列已满且设为拒收；请平台处理，记录保留并重试"
    "F203" "消息队列因这一条消息关闭了信道" "the broker closed the channel over this one message" "多为超过平台的消息大小上限；其余记录照常送；poison = park 时这一条记入死信，本通路继续，请平台调大上限后用 messages replay 重发，或请 HIS 重送；block 时保留并重试，本通路等它"
    "F204" "消息没有以确认方式发送" "sent without publisher confirms" "不应出现；请保留日志并报告"
    "F301" "记录文件的目录写不进" "the folder of record files cannot be written" "核对 [forward] dir 的权限和剩余空间；腾出后自动继续"

    "H001" "一项检查没有在时限内看完" "a check was not done in time" "再执行一次；总是这样，就从这一项后面的磁盘、网络或域名服务器查起"
    "H002" "一项检查自己出错" "a check broke" "其他各项不受影响；请保留输出并报告"
    "H003" "巡检发现故障" "the patrol has found something that fails" "his-agent doctor 看现在怎样，his-agent doctor history 看几时开始的；治好后下一次体检就不再告警"
    "H011" "前置机没有在运行" "the daemon does not run" "启动：systemctl start his-agent；起不来看日志：journalctl -u his-agent -n 50"
    "H012" "前置机在运行，但是问不到它" "the daemon cannot be asked" "用 root 或前置机的用户执行；程序刚升级过就重启前置机"
    "H021" "还没有配置通道" "no channel is configured" "在配置里写 [[channel]]，或执行 his-agent init"
    "H031" "系统日期不可能" "the date of the machine cannot be" "校正日期，再启动；主板电池没电也会这样"
    "H032" "系统时间比已写的文件早" "the clock is behind what was written already" "核对时间和校时服务；记录的先后由编号定，不受影响"
    "H033" "没有与时间服务器同步" "nobody keeps the clock in step" "装 chrony，指向院内或平台的时间服务器：chronyc sources；平台验签、对账都看时间"
    "H034" "时间在跳" "the clock jumps" "同时只能有一个校时程序；虚拟机查宿主机的时间和超售"
    "H041" "发件箱不在本机磁盘上" "the store is not on a disk of this machine" "把 [outbox] dir 移到本机磁盘：网络盘和内存盘上的“落盘”靠不住"
    "H042" "数据目录写不进或落不了盘" "the data folder takes no writes" "核对目录的属主、权限和只读挂载；磁盘出错看 dmesg"
    "H043" "落盘太慢" "syncs take too long" "每份回执都等落盘：查同一块盘上还有谁在写、RAID 卡的电池和缓存，换固态盘"
    "H044" "磁盘空间撑不过一天的平台中断" "the room will not do for an outage of a day" "腾出空间或换更大的盘；raw_bytes_max、records_bytes_max 可以调小"
    "H051" "数据目录别的用户也进得去，或不是目录" "others may enter the data folder" "chmod 700；里面是患者的记录"
    "H052" "密钥或套接字别的用户也能用" "others may use a key or the socket" "chmod 600"
    "H053" "数据目录里的文件属于不同的用户" "the files of the store have several owners" "停下前置机，把它们都改回前置机的用户，再启动"
    "H054" "套接字的路径太长" "the path of the socket is too long" "在 [control] socket 写一个短的，例如 /run/his-agent/control.sock"
    "H055" "运行前置机的用户读不到配置写的文件" "the daemon's user cannot read a file that the configuration names" "把文件给前置机的组读：chgrp his-agent 文件，chmod 640；密钥放在 /etc/his-agent/secrets 里"
    "H061" "端口被别的程序占用" "another program has the port" "停掉那个程序，或在 [listen]、[channel.mllp] 换端口"
    "H062" "本机没有这个地址" "this machine has no such address" "ip addr 看本机的地址；所有网卡写 0.0.0.0"
    "H063" "这个端口没有权限监听" "no right to listen at this port" "换 1024 以上的端口，或给服务单元写 AmbientCapabilities=CAP_NET_BIND_SERVICE"
    "H064" "门没有开着" "a door is not open" "看 his-agent 的日志；防火墙挡了本机也会这样"
    "H071" "域名解析不出" "a name cannot be resolved" "核对名字和 /etc/resolv.conf；内网没有域名服务器就写进 /etc/hosts，或改用 IP"
    "H072" "域名解析很慢" "names are resolved slowly" "多为 /etc/resolv.conf 里第一个服务器不答复：删掉它"
    "H081" "配置里写的其他系统连不上" "another system cannot be reached" "核对地址、端口、对方的服务和中间的防火墙"
    "H091" "内核的上限太低" "a limit of the kernel is too low" "按提示调大"
    "H092" "随机数不够" "too little randomness" "虚拟机装 haveged 或 rng-tools，或给它 virtio-rng"
    "H093" "内存不多了" "memory is short" "看谁占着：ps aux --sort -rss | head；前置机空闲时约 30 MiB，忙时几百"
    "H101" "终端的字符集不是 UTF-8" "the terminal is not UTF-8" "export LANG=C.UTF-8（老系统 zh_CN.UTF-8），终端软件也选 UTF-8；不影响前置机"
    "H111" "证书已经过期" "a certificate has expired" "换证书，重启或 SIGHUP"
    "H112" "证书文件读不出" "a certificate's file cannot be read" "核对路径、权限和内容：PEM 格式，至少一张证书"
    "H113" "证书将在 30 天内过期" "a certificate expires within 30 days" "到期前换证书，重启或 SIGHUP"

    "I101" "报文超过大小上限" "the body is larger than the limit" "分批发送，或由医院调大 body_bytes_max"
    "I102" "没有在时限内收完报文" "the body did not come in time" "核对 Content-Length 与实际长度是否一致"
    "I103" "报文没有发送完整" "the body broke off" "核对 Content-Length、分块编码和网络"
    "I104" "没有这个通道" "there is no such channel" "核对地址里的通道名；答复里列出了已配置的通道"
    "I105" "没有这个地址" "there is no such address" "报文发到 /v1/channels/{通道名}/messages"
    "I106" "请求方法不对" "the method is not allowed" "用 POST"
    "I107" "正忙，没有接收" "busy, nothing was taken" "按 Retry-After 等待后原样重送，重送不会重复入库"
    "I108" "存储故障，没有接收" "the store failed, nothing was taken" "通知信息科看日志；恢复后原样重送"
    "I109" "答复模板在答复时出错，已改用通用答复" "an answer template failed, the generic answer was given" "按日志里的文件和行号修改模板，并为这种答复补一个用例"
    "I110" "没有这个问题" "there is no such finding" "jr_id（3103 里是 warn_rslt_id）原样取自审查答复；超过保留期的问题也查不到"
    "I111" "处置反馈缺内容或写法不对" "feedback lacks something or is not readable" "按提示补上；继续执行要有原因，转自费要有知情同意"
    "I112" "问题已作废，不能再处置" "the finding was voided, nothing follows that" "医嘱仍要开时重新审查，问题会重新打开"
    "I113" "没有这次审查" "there is no such check" "核对审查标识；超过保留期的审查查不到"
    "I114" "磁盘空间不足，暂停接收" "too little room on the disk, nothing was taken" "腾出磁盘空间，或恢复向平台转发；到高水位后自动恢复接收。HIS 按 Retry-After 等待后原样重送"
    "I116" "医保端的证书文件不能用" "the certificates of the insurer cannot be used" "核对 [relay] ca_file：PEM 格式，至少一张证书；改好后重启。其间转发按连接不上处理"
    "I117" "医保端的审查连续没有答复，暂停转发 10 秒" "the insurer's review does not answer and is spared" "本地审查照常；核对 [relay] 的地址、网络和医保端。指标 his_agent_relay_total 按结果计数"
    "I118" "一条处置没有能送到医保端" "a doctor's answer was not delivered to the insurer" "按日志里的问题标识在医保端补录；refused 是医保端多次拒绝，too old 是一周没有送成"
    "I121" "审核的请求写法不对" "what was asked of an audit is not readable" "按提示改正日期、场景、状态或表格"
    "I122" "审核没有运行" "the audit was not run" "等另一次运行结束后再试；前置机重启后再次运行会接着做完，不会重复"
    "I123" "没有这个疑点" "there is no such suspicion" "编号原样取自推送，或 his-agent audit findings"
    "I131" "没有这个计划，或没有这次运行" "there is no such plan, or no such run" "核对名称：his-agent rules plan list；运行的编号：his-agent rules plan runs"
    "I132" "计划的写法不对" "a plan is not readable" "按提示改正；时间表是五段：分 时 日 月 星期"
    "I133" "没有这条规则，或修改的写法不对" "there is no such rule, or a change of it is not readable" "按提示改正；标识：his-agent rules list"
    "I134" "规则的修改没有地方写，或写不进" "changes of rules have no place, or cannot be written there" "在 [sets] 里写明 overlay 目录，守护进程的用户要能写"
    "I135" "要导入的表读不出" "the table to be imported cannot be read" "按提示改正；表是 CSV（UTF-8 或 GBK）或 Excel（.xlsx），认不出的列用 --column 写明"
    "I141" "没有在时限内收完请求头" "a request's head did not come in time" "请求头要以空行结束，请一次发出；网络慢时调大 head_timeout_ms"
    "I142" "请求头太长" "the head of a request is too long" "内容放在报文里，不要放在地址或请求头里；确实需要时调大 head_bytes_max"
    "I143" "不是能读的 HTTP 请求" "what came is no HTTP request that can be read" "核对请求行、请求头和长度的写法（docs/doors-http.md）；本端口没有 TLS，地址要写 http://"
    "I144" "连接数到了上限，而且都在答复" "all connections are being answered, and no more can be" "按 Retry-After 等待后重试；常出现时看哪个地址开了太多连接，或调大 connections_max"
    "I145" "压缩的报文解不开，或压缩方式不收" "a packed body cannot be unpacked" "Content-Encoding 用 gzip 或 deflate，字节要与它一致；也可以不压缩"
    "I151" "MLLP 端口上来的不是 MLLP，连接已关闭" "what comes at an MLLP port is no MLLP" "核对对方的协议：每份报文前面是字节 0B，后面是 1C 0D；有证书的门只接受 TLS，没有证书的门不接受 TLS"
    "I152" "MLLP 的一帧没有在时限内收完，或应答没有被收走，连接已关闭" "an MLLP frame did not end in time, or its answer was not taken" "对方要送出帧尾 1C 0D，并读取应答；网络慢时调大 frame_timeout_ms。没有得到应答的报文由对方重送"
    "I153" "MLLP 连接在一帧中间断开，这份报文没有接收" "an MLLP connection broke inside a frame" "对方重送即可；常出现时查网络和对方的超时设置"
    "I154" "MLLP 的连接到了上限，关了空得最久的，或没有等到位置" "an MLLP door is full: the line that was silent longest made room, or none did" "对方多半每份报文新开一条连接而不关：请对方用一条连接，或收到应答就关闭；确实有这么多发送方时调大 [channel.mllp] connections_max。被关的照常重连，没有得到应答的报文重送，不会重复入库"
    "I161" "不能收事件：网页来源、Host 或科室不对" "may not listen: origin, host or department" "核对 [[caller]] 的 departments；网页核对 [events] origins；没有配置调用者时只有本机可以，用 127.0.0.1"
    "I162" "收事件的屏幕到了上限" "too many listeners" "按 Retry-After 等待后重连；需要时调大 [events] listeners_max"
    "I163" "一个屏幕长时间不收事件，已断开" "a listener took nothing and was cut off" "屏幕重连后从断处接着收，不会丢；常出现时查网络和那个屏幕"
    "I164" "收事件的请求写法不对" "what was asked of events is not readable" "按提示改正参数；WebSocket 核对握手"
    "I171" "没有配置读这种记录" "no query reads such records" "核对 entity 或 query；医院在 [[query]] 里配置"
    "I172" "读记录的请求写法不对" "what was asked of records is not readable" "按提示改正；key、patient、from 至少写一个"
    "I181" "一个订阅方收不了，记录等着（超过 5 分钟报警）" "records wait for a subscriber" "his-agent subscriptions list 看原因：地址、口令、对方的服务；恢复后自动接着送，一条不少"
    "I182" "有记录没有推送给订阅方，也不会再送" "records were not pushed and never will be" "超过 keep_days，或磁盘没有空间时腾给了新报文；按日志里的编号和条数请对方从查询接口补"
    "I183" "订阅方拒收一条记录，已另放，其余照送（还有另放的就一直报警）" "a subscriber refused a record; it is set aside" "his-agent subscriptions show 名字 看原因；改好后 his-agent subscriptions retry 名字 再送"
    "I184" "没有这个订阅" "there is no such subscription" "核对名字；答复里列出了已配置的"
    "I185" "按管理员的决定，一条记录不再推送" "a record is never pushed: a person has decided so" "日志里有订阅、记录标识和原因；对方要时从查询接口补"
    "I186" "没有这条停着或另放的记录" "no such record stands or was set aside" "编号见 his-agent subscriptions show 名字"
    "I187" "另放的记录没有再送：同一主键后来的修订已经轮到过" "a record that was set aside is not sent again: a later revision has had its turn" "不用处理；计入“跳过”。旧的盖过新的才是错"

    "I191" "投放目录不在，或读不了、写不进" "a drop folder is not there, or cannot be read or written" "核对 [channel.folder] dir、挂载和权限：运行前置机的用户要能读写目录并在里面建目录；恢复后自动继续"
    "I192" "投放目录正被另一个前置机使用" "another agent uses the drop folder" "一个目录只能有一个前置机；停掉另一个，这里自动接手"
    "I193" "投放目录里有不收的东西：符号链接、管道、设备" "something in a drop folder is no file: a link, a pipe, a device" "请 HIS 放文件本身；删掉它"
    "I194" "投放目录里有读不了、移不动的文件，留在原处，后面的先收" "a dropped file cannot be read or moved and was left; those behind it go first" "给运行前置机的用户读和移走的权限（目录不要带粘滞位），让占着它的程序关掉它；之后自动收"
    "I195" "文件在收的时候还在被写" "a file was written to while it was taken" "调大 settle_ms，或请 HIS 改用标志文件（ready = \"mark\"）或写好再移进来（ready = \"rename\"）；写完后整份重新收，重复的不会重复入库"
    "I196" "投放目录里有一直在变的文件，后面的不再等它" "a file in a drop folder never rests; those behind it wait no longer" "找出是哪个程序一直在写：修改时间总是新的那个文件；写完会自动收。让后面的等得更久就调大 rest_max_ms"
    "I201" "没有 ODBC 管理器，数据库视图没在读" "there is no ODBC manager on this machine; views are not read" "安装 unixodbc（Debian：apt install unixodbc；欧拉、麒麟：dnf install unixODBC）和数据库厂商的驱动；装好后自动继续，不用重启"
    "I202" "连不上数据库" "the database cannot be reached, or does not let us in" "按括号里的 SQLSTATE：IM002、01000 是驱动或数据源名不对（odbcinst -q -d 列出驱动），28000 是用户名口令，08001 是地址、端口、网络；his-agent channel view-try 看原话。恢复后自动继续，不丢行"
    "I203" "数据库拒绝了查询" "the database refused the query" "42S02 没有这个视图，42S22 没有这一列，42000 多为没有 SELECT 权限或 paging 不对；his-agent channel view-try 看原话"
    "I204" "查询或登录超过时限，已取消" "a query or login took too long and was cancelled" "请数据库管理员给水位列建索引，或调大 timeout_ms、调小 page_rows；下次从断处接着读"
    "I205" "读取进程自己结束了" "the worker ended by itself" "多为驱动崩溃：升级驱动，或换 charset 试；前置机不受影响，会重新启动它并从断处接着读"
    "I206" "视图的列与配置不合" "the columns of the view are not as configured" "核对 watermark、key、start：列要在视图里、不为空，水位是编号或时间；his-agent channel view-try 列出各列"
    "I207" "一行里有读不全的值：不在所配的编码里，或太长" "a value of a row is not in its encoding, or is too long" "核对 charset（驱动给的是不是 GBK）；这一行已进死信，改好后请 HIS 更新这一行，会重新读到"
    "I208" "视图里少了以前有的行" "rows have vanished from a view" "只告知，不删除已收的记录；确属作废的，请 HIS 用作废标志而不是删行"

    "I221" "没有出示令牌" "no token was shown" "请求头写 Authorization: Bearer 令牌；医院用 his-agent token create 生成，或在 [[caller]] 里写地址、证书（docs/callers.md）"
    "I222" "令牌不对，或不能从这个地址、用这个名字" "the token is nobody's, or not there, or not under that name" "核对令牌有没有抄全、[[caller]] 和令牌的地址；his-agent token list"
    "I223" "令牌已过期或已停用" "the token has ended or was taken away" "his-agent token list 看到何时；换一个：his-agent token rotate 名字，停用过的重新 create"
    "I224" "这个调用者没有做这件事的权限" "this caller may do something else" "核对令牌的权限和通道（his-agent token list）或 [[caller]] 的 verbs、channels；一个 SOAP 服务通到几个通道时要都有"
    "I225" "一个地址反复出示错误的令牌，暂时不理" "too many wrong tokens from one address: it is not listened to for a while" "找出是哪个程序：his-agent calls list --code I222；换上正确的令牌，lock_ms 以后自动恢复。以前在那里用过的正确令牌不受影响"
    "I226" "调用太频繁" "more calls than the caller may make" "按 Retry-After 等待后原样重送；需要时调大 calls_per_minute"
    "I227" "这个通道不接受来自这个地址的调用" "the channel may not be used from that address" "核对 [[channel]] 的 addresses"
    "I228" "令牌快到期或已到期" "a token ends soon, or has ended" "his-agent token rotate 名字，把新令牌交给调用方；旧的可以再用 --overlap-hours 小时"
    "I229" "新的证书不能用，仍用原来的" "a new certificate cannot be used; the one before stays" "按提示核对文件：PEM 格式、证书与私钥配对、运行前置机的用户能读；改好后几秒内自动换上，连接不断"
    "I230" "门的证书快到期或已到期" "the certificate of a door ends soon, or has ended" "请发证方换新的，覆盖 cert_file、key_file；几秒内自动换上，不用重启"
    "I231" "令牌的命令写法不对，或没有这个令牌" "what was asked of tokens is not right, or there is no such token" "按提示改正；his-agent token list 列出全部"
    "I232" "监听本机以外的地址而不用 TLS，患者数据明文过网" "patient data crosses the network in clear text" "在 [tls] 或 [channel.mllp] 写 cert_file、key_file（docs/callers.md）；只在医院自己隔离的网段里才接受明文"
    "I233" "调用记录写不进" "calls are not written down" "核对 [calls] dir 的权限和磁盘空间；一天的记录就到了 bytes_max 时查是谁在不停地调用（his-agent calls list）；收发不受影响"
    "I234" "TLS 端口上来的不是 TLS" "what came at a TLS port is no TLS" "地址写成 https://；对方支持 TLS 1.2 以上"
    "I235" "这件事要别的角色" "the role does not do for this" "提示里写了要哪种角色：管理员在 [admin] 里写这个用户，或用 his-agent token create --role 做令牌"
    "I241" "没有这个告警去处" "there is no such target of alerts" "核对名字：[[alert]] 的 name；答复里列出了已配置的"
    "I242" "告警没有送到" "a notice of alerts was not delivered" "his-agent alerts list 看原因：地址、口令、证书；改好后 his-agent alerts test 名字。恢复后自动通知仍在的告警"
    "I243" "静默的写法不对" "a silence is not readable" "代码照 his-agent alerts list 写，时间写成 90m、8h 或 3d"

    "O101" "等待落盘的报文过多" "too much waits for the disk" "答复是 503，稍后重送；常出现时查磁盘速度，或调大 waiting_max"
    "O102" "发件箱正在关闭" "the outbox is closing" "前置机正在停止；启动后重送"
    "O103" "磁盘拒绝写入" "the disk refused" "前置机立即停止接收并以退出码 74 结束，由服务管理器重新启动、恢复；查磁盘的健康状况和系统日志"
    "O104" "发件箱整体损坏，打不开" "the store as a whole cannot be opened" "密钥环两份都丢失时才会这样。不要删除目录；先整体复制保存，再报告"
    "O105" "发件箱由更新的版本写成" "a newer release has written this store" "改用较新的程序；确实要退回旧版本，先用较新的程序执行 his-agent outbox downgrade"
    "O106" "发件箱正被另一个进程使用" "another process has the store open" "同一目录只能有一个前置机；停掉另一个"
    "O107" "磁盘空间不足" "there is too little room on the disk" "已接收的不受影响，转发和审查照常；腾出空间，或恢复转发让已送达的删去，高于 high_water 后自动恢复。看 his-agent outbox status"
    "O108" "系统时间被向前拨了（跳变超过 5 分钟），按时间清理的内容先不清理" "the clock was set forward; nothing is let go by its new time yet" "核对本机时间和校时服务。时间错了就拨回来，什么都没有少；时间本来就该是这样，一天后自动按新时间清理，或重启前置机"
    "O109" "系统时间比发件箱最后一次写入还早，或早于程序本身" "the clock is behind what the store or the program itself has seen" "核对本机时间和校时服务（timedatectl）；主板电池没电时常见。照常运行，但收到的时间会写错：改好时间后重启前置机"
    "O110" "平台中断时磁盘撑不了多久" "the disk would not do for a long outage" "清理或扩大发件箱所在的磁盘，或恢复向平台转发；要多少小时由 [alerts] capacity_hours 定"
    "O121" "发件箱的密钥不对，没有打开，什么都没有改动" "the key given is not the one the store was sealed with; nothing was touched" "恢复原来的 store.key（或 [outbox] key 指的密钥）后再启动；报错里有两把密钥的指纹，his-agent keys show 文件 可以核对"
    "O122" "发件箱的密钥读不到，没有打开，什么都没有改动" "the key of the store cannot be read; nothing was touched" "从备份恢复密钥文件，核对 [outbox] key 和文件权限；不要新生成一把：新的读不出旧的内容"
    "O123" "发件箱的密钥保管不当（只提醒）" "the key of the store is not kept well; a warning" "把密钥放到数据盘以外，例如 /etc/his-agent 或 systemd 凭据，权限 600，再写 [outbox] key"
    "O201" "一条存储的内容校验不符，已移入死信" "a stored value's check does not fit; moved to the dead letters" "按死信里的编号请 HIS 重送；查磁盘"
    "O202" "一段编号的内容缺失，已记入死信" "a stretch of numbers is missing; noted in the dead letters" "按死信里的编号请 HIS 重送；查磁盘"
    "O203" "一个存储块读不出，已移入死信" "a block of the store cannot be read; moved to the dead letters" "按死信里的编号请 HIS 重送；查磁盘"
    "O204" "一封死信的内容读不出" "a dead letter itself cannot be read" "查磁盘；其余死信不受影响"
    "O205" "一份待对照的报文读不出，已移入死信" "a parked message cannot be read; moved to the dead letters" "按死信里的时间请 HIS 重送；查磁盘"
    "O206" "有待对照的报文缺失，已记入死信" "parked messages are missing; noted in the dead letters" "请 HIS 重送当天的报文，重送不会重复入库；查磁盘"
    "O207" "一条记录与解码时的校验和不符，已移入死信，没有上送" "a record is not what was decoded; moved to the dead letters, never published" "按死信里的编号请 HIS 重送；内存或磁盘有故障，尽快检查机器"
    "O208" "有死信缺失，已记入死信" "dead letters are missing; noted in the dead letters" "看 his-agent outbox verify 和旁边的 losses.ndjson；请 HIS 重送那几天被拒的报文；查磁盘"
    "O209" "主键的记忆有读不出的，重送的可能当成新记录" "what was seen under some business keys cannot be read; a resend may be taken for new" "停机执行 his-agent outbox verify 看坏在哪里，outbox salvage 重建；查磁盘。其间 HIS 尽量不重送旧报文；已重复的请平台按业务主键核对"
    "O301" "患者既往是用另一把密钥写的，读不出" "the past of patients was written with another key" "恢复原来的 patient.key 后重启；确实找不回时执行 his-agent history reset，从今天重新积累。其间审查照常，需要既往的规则答复“无法判断”"
    "O302" "患者密钥文件读不出" "the key of patients cannot be read" "核对 [history] key_file 的权限和内容（32 字节）；从备份恢复后重启"
    "O303" "有记录还没有归入患者既往就已不在盘上" "records were gone before they were folded into the past of patients" "从当天起的既往是完整的；常出现时查磁盘速度"
    "O304" "没有这位患者的既往" "nothing is kept of such a patient" "核对患者标识（院内标识、人员编号或病历号）；超过保留期的也查不到"
    "O305" "患者既往没有打开" "the past of patients is not open" "看 his-agent history status；[history] keep_days 为 0 时不建"

    "O401" "没有这份报文" "there is no such message" "核对报文标识或记录标识；超过 [messages] keep_days 的查不到"
    "O402" "报文的查询条件写得不对" "a query of messages is not understood" "按提示改正；时间写成 YYYYMMDD 或 YYYYMMDDhhmmss"
    "O403" "没有写原因" "a reason is missing" "查看明文、丢弃和重新提交死信、重发记录都要写明原因（--reason）"
    "O404" "没有这封死信" "there is no such dead letter" "用 his-agent messages list --state dead 看编号"
    "O405" "这封死信不能重新提交" "this dead letter cannot be sent on" "按提示处理；损坏的记录请 HIS 重送"
    "O406" "没有这次重发，或已经结束" "there is no such replay, or it has ended" "用 his-agent messages replays 查看"
    "O501" "对账时平台没有答复" "the platform did not answer a reconciliation" "核对平台一侧的接收程序在运行，接收路由键 *.reconcile，并往 his.control.机构编码 答复；过后再执行"
    "O502" "对账时平台答复不能对账，或答复看不懂" "the platform cannot answer a reconciliation, or its answer is not understood" "按提示处理；核对两边程序的版本"
    "O503" "记录写成文件，平台的账没有回来的路" "records go into files: the platform cannot be asked" "平台执行 his-agent receive --account 日期，把导出的文件带回来，用 --answer 给出"
    "O504" "带回来的平台的账读不出，或不是要对的" "the carried account cannot be read, or is another" "核对文件、前置机、仓库和日期"
    "O505" "HIS 的日合计读不懂" "the totals of the HIS are not understood" "表头以 channel,entity,count 开头，后面是求和的数据元；列出了每一处"
    "O506" "对账的日期写得不对" "the day of a reconciliation is not a date" "写成 20261122 或 2026-11-22"
    "O507" "HIS 的日合计没有取到" "no totals of the HIS were to be had" "核对 [channel.totals] 的地址、请求头和 HIS 的服务；十分钟后再取，取到以后与那一天的账比"
    "O508" "有日期与平台对不平" "some days do not balance with the platform" "his-agent reconcile --day 日期 看差在哪里，--repair 补正"

    "Q001" "某一天的质量统计读不出" "the quality counts of a day cannot be read" "核对目录权限；文件损坏时前置机会改名为 .damaged 另存，当天从头统计"
    "Q101" "代码与旁边的名称对不上（只统计，不拒收）" "a code stands beside the name of another code; counted only" "请 HIS 核对代码和名称的对应，例如代码是片剂而名称写胶囊"
    "Q102" "有院内代码没有对照，报文在等" "local codes that nobody has mapped keep messages waiting" "his-agent codes list 列出代码，codes map 对照并放行"
}

/// What to do about a code of any crate.
pub(crate) fn remedy(code: &str) -> Option<&'static str> {
    let ours = CODES.iter().map(|it| (it.code, it.remedy_zh));
    let schemas = schemas::codes::CODES.iter().map(|it| (it.code, it.remedy_zh));
    let mappings = mappings::CODES.iter().map(|it| (it.code, it.remedy_zh));
    let adapters = adapters::CODES.iter().map(|it| (it.code, it.remedy_zh));
    let rules = rules::CODES.iter().map(|it| (it.code, it.remedy_zh));
    let mut all = ours.chain(schemas).chain(mappings).chain(adapters).chain(rules);
    all.find(|it| it.0 == code).map(|it| it.1)
}

/// What a code of this crate means.
pub(crate) fn meaning(code: &str) -> &'static str {
    CODES.iter().find(|it| it.code == code).map_or("", |it| it.zh)
}

#[cfg(test)]
mod manual;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_register_holds_exactly_the_codes_in_use() {
        let mut used = BTreeSet::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        let registered: BTreeSet<String> = CODES.iter().map(|it| it.code.to_owned()).collect();
        let unregistered: Vec<_> = used.difference(&registered).collect();
        let unused: Vec<_> = registered.difference(&used).collect();
        assert!(unregistered.is_empty(), "given, but not in agent/src/codes.rs: {unregistered:?}");
        assert!(unused.is_empty(), "in agent/src/codes.rs, but never given: {unused:?}");
        assert!(CODES.is_sorted_by_key(|it| it.code), "keep the register in order");
    }

    /// Every quoted code of this crate's letters, tests left out.
    fn sources(folder: &Path, used: &mut BTreeSet<String>) {
        for path in fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            if path.is_dir() && name != "tests" && name != "codes" {
                sources(&path, used);
            } else if path.extension().is_some_and(|it| it == "rs")
                && name != "tests.rs"
                && name != "codes.rs"
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\nmod tests").next().unwrap_or_default();
                used.extend(code.split('"').filter(|it| is_ours(it)).map(str::to_owned));
            }
        }
    }

    fn is_ours(word: &str) -> bool {
        let mut letters = word.chars();
        word.len() == 4
            && letters.next().is_some_and(|it| "ABFHIOQ".contains(it))
            && letters.all(|it| it.is_ascii_digit())
    }
}
