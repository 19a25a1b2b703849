//! What the HTTP doors show to callers.

keys! {
    ["tls" ""]
    cert_file Nothing "\"/etc/his-agent/tls/his-agent.pem\""
        "HTTP 各个门的证书，PEM 文件，含中间证书；写了就只接受 TLS 1.2、1.3。换了文件几秒内自动换上，不断开连接。"
        "The certificate of the HTTP doors, a PEM file with its chain; they take TLS 1.2 and 1.3 only then. New files are taken up in seconds, and no connection breaks."
    key_file Nothing "\"/etc/his-agent/tls/his-agent.key\""
        "证书的私钥，PEM 文件，只有运行前置机的用户能读；用 systemd 凭据时写 /run/credentials/his-agent.service/名字。"
        "Its key, a PEM file that only the agent's user can read."
    client_ca_file Nothing "\"/etc/his-agent/tls/callers-ca.pem\""
        "这些 CA 签发的客户端证书可以用来认出调用者（[[caller]] certificate），PEM 文件。"
        "Callers are known by certificates of these CAs ([[caller]] certificate), a PEM file."
    client_certificate_required Default "false"
        "没有这样的客户端证书的连接一律不接受。"
        "Whoever shows no such certificate is not let in at all."
    doors Default "[\"his\"]"
        "哪些门用 TLS：his、operators。"
        "The doors that speak TLS: his, operators."
}
