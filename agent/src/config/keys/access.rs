//! Who may call, and what happens to those who guess.

keys! {
    ["access" ""]
    without_token Default "\"this-machine\""
        "哪些调用可以不出示令牌：this-machine 本机的，anybody 谁都可以，nobody 本机的也要出示（前面有反向代理时用）。别的机器用令牌（his-agent token create）、[[caller]] 的地址或证书。"
        "Who may call without a token: this-machine, anybody, or nobody (behind a reverse proxy). Other machines show a token, or are known by [[caller]]."
    failures_max Default "20"
        "一个地址出示多少次错误的令牌后暂时不理它（答 429，I225）；在它那里用过的正确令牌照样可以。"
        "Wrong tokens from one address before it is not listened to (429, I225); tokens that were right there before still are."
    lock_ms Default "300000"
        "不理多少毫秒。"
        "Milliseconds for which it is not listened to."
}
