//! What commands ask over the unix socket. It is no door of the network: only the daemon's user and root
//! reach it, and its members may change with the version of the program.

use super::{Body, Operation, Says};

const fn get(path: &'static str, tag: &'static str, zh: &'static str) -> Operation {
    Operation {
        verb: "get",
        path,
        tag,
        zh,
        query: &[],
        body: Body::None,
        done: Says::Json("Done"),
        refusals: &[400, 404, 500, 503],
        knows_callers: false,
    }
}

const fn send(
    verb: &'static str,
    path: &'static str,
    tag: &'static str,
    zh: &'static str,
) -> Operation {
    Operation {
        verb,
        body: Body::Json("Asked"),
        refusals: &[400, 404, 409, 500, 503],
        ..get(path, tag, zh)
    }
}

/// Commands.
pub(super) const CONTROL: &[Operation] = &[
    get("/admin/v1/status", "状态", "这台前置机怎么样"),
    get("/admin/v1/quality", "状态", "各通道数据质量的统计"),
    get("/admin/v1/sets", "配套文件", "在用的数据元、映射、码表和规则"),
    send("post", "/admin/v1/sets/reload", "配套文件", "重新读配套文件"),
    get("/admin/v1/shadow", "配套文件", "候选与在用的比较"),
    send("post", "/admin/v1/shadow", "配套文件", "开始与候选比较"),
    send("post", "/admin/v1/shadow/stop", "配套文件", "停止比较"),
    send("post", "/admin/v1/shadow/promote", "配套文件", "启用候选"),
    get("/admin/v1/audit/runs", "审核", "各次审核的账"),
    send("post", "/admin/v1/audit/runs", "审核", "现在审核"),
    get("/admin/v1/audit/suspicions", "审核", "疑点"),
    get("/admin/v1/audit/suspicions/{id}", "审核", "一个疑点的经过"),
    get("/admin/v1/audit/suspicions/{id}/explain", "审核", "一个疑点为什么是疑点"),
    send("post", "/admin/v1/audit/suspicions/{id}", "审核", "对疑点的答复"),
    get("/admin/v1/audit/feed", "审核", "通知科室的内容"),
    get("/admin/v1/audit/summary", "审核", "疑点汇总"),
    get("/admin/v1/audit/ratios", "审核", "比例报表"),
    send("post", "/admin/v1/audit/stock", "审核", "进销存报表"),
    get("/admin/v1/checks", "审查", "一段时间的审查"),
    get("/admin/v1/checks/requests", "审查", "审查连同请求原文"),
    get("/admin/v1/checks/{id}", "审查", "一次审查或一个问题的经过"),
    get("/admin/v1/checks/{id}/explain", "审查", "一次审查为什么这样判"),
    get("/admin/v1/checks/{id}/findings/{finding}/explain", "审查", "一个问题为什么这样判"),
    get("/admin/v1/rules/statistics", "规则", "各规则的命中和处置"),
    get("/admin/v1/rules/schema", "规则", "规则写法的 JSON Schema"),
    get("/admin/v1/rules/form", "规则", "规则表单的说明"),
    get("/admin/v1/rules/sets", "规则", "全部命名集合"),
    get("/admin/v1/rules/sets/{id}", "规则", "一个命名集合"),
    send("put", "/admin/v1/rules/sets/{id}", "规则", "写一个命名集合"),
    send("delete", "/admin/v1/rules/sets/{id}", "规则", "删一个命名集合"),
    get("/admin/v1/rules", "规则", "本院的规则和改动"),
    get("/admin/v1/rules/{id}", "规则", "一条规则"),
    send("put", "/admin/v1/rules/{id}", "规则", "写一条规则"),
    send("delete", "/admin/v1/rules/{id}", "规则", "删一条规则"),
    send("post", "/admin/v1/rules/{id}/changes", "规则", "改一条规则的设置"),
    send("post", "/admin/v1/rules/rollback", "规则", "退回一次改动"),
    get("/admin/v1/rules/plans", "计划", "全部计划"),
    get("/admin/v1/rules/plans/{name}", "计划", "一个计划"),
    send("put", "/admin/v1/rules/plans/{name}", "计划", "写一个计划"),
    send("delete", "/admin/v1/rules/plans/{name}", "计划", "删一个计划"),
    send("post", "/admin/v1/rules/plans/{name}/enable", "计划", "启用"),
    send("post", "/admin/v1/rules/plans/{name}/disable", "计划", "停用"),
    send("post", "/admin/v1/rules/plans/{name}/run", "计划", "现在运行"),
    get("/admin/v1/rules/plan-runs", "计划", "各次运行"),
    get("/admin/v1/rules/plan-results", "计划", "一次运行的结果"),
    get("/admin/v1/history", "患者既往", "既往的现状"),
    send("post", "/admin/v1/history/show", "患者既往", "一位患者的既往"),
    send("post", "/admin/v1/history/forget", "患者既往", "忘记一位患者"),
    send("post", "/admin/v1/history/reset", "患者既往", "从今天重新积累"),
    get("/admin/v1/keys", "密钥", "密钥的现状"),
    send("post", "/admin/v1/keys/rotate", "密钥", "换数据密钥"),
    send("post", "/admin/v1/keys/master", "密钥", "换主密钥"),
    get("/admin/v1/subscriptions", "推送", "各订阅的现状和被拒的记录"),
    send("post", "/admin/v1/subscriptions/retry", "推送", "被拒的记录再送一次"),
    get("/admin/v1/queries", "查询", "谁读过记录"),
    get("/admin/v1/messages", "报文", "报文和记录占多少"),
    send("post", "/admin/v1/messages/list", "报文", "查报文"),
    send("post", "/admin/v1/messages/show", "报文", "一份报文的经过"),
    send("post", "/admin/v1/messages/discard", "报文", "丢弃死信"),
    send("post", "/admin/v1/messages/retry", "报文", "重新提交死信"),
    get("/admin/v1/messages/replay", "报文", "各次重发"),
    send("post", "/admin/v1/messages/replay", "报文", "重发记录"),
    send("post", "/admin/v1/messages/replay/stop", "报文", "停止重发"),
    get("/admin/v1/codes", "对照", "没有对照的院内代码"),
    get("/admin/v1/codes/release", "对照", "待对照的报文有多少"),
    send("post", "/admin/v1/codes/release", "对照", "读新码表并放行"),
    send("post", "/admin/v1/reconcile", "对账", "与平台对账"),
    send("post", "/admin/v1/reconcile/his", "对账", "与 HIS 的日合计对账"),
];
