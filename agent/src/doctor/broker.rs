//! The way to the platform, step by step: TCP, TLS, login, virtual host, exchange, the right to publish,
//! what kind the queue is. Where records become files: whether the folder takes them.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::certificates::holds;
use super::disk::nameless;
use super::peers::connect;
use super::site::there_is;
use super::{Check, Line, Site, State};
use crate::codes;
use crate::config::ForwardConfig;
use crate::forward::broker::Place;
use crate::forward::{AmqpOptions, BrokerError, Queue, Walk};

/// Every address of a cluster walks beside the others.
pub(super) const CHECK: Check =
    Check { key: "broker", zh: "送往平台", bound: Duration::from_secs(30), look };

fn look(site: &Site) -> Vec<Line> {
    match &site.config.forward {
        ForwardConfig::Files { dir } => vec![folder(dir)],
        ForwardConfig::Amqp(options) => cluster(options, &site.config.hospital.code),
    }
}

fn folder(dir: &std::path::Path) -> Line {
    let there = there_is(dir);
    match nameless(&there) {
        Ok(_) => Line::ok(format!("记录写成文件：{}", dir.display())),
        Err(error) => Line::fail("F301", format!("{} 写不进：{error}", there.display())),
    }
}

/// One address that works is enough to send; the others are told all the same.
fn cluster(options: &AmqpOptions, org: &str) -> Vec<Line> {
    let walks: Vec<Vec<Line>> = std::thread::scope(|scope| {
        let turns = 0..options.access.urls.len();
        let walking: Vec<_> =
            turns.map(|turn| scope.spawn(move || walk(options, turn, org))).collect();
        walking.into_iter().filter_map(|it| it.join().ok()).collect()
    });
    let is_well = |lines: &Vec<Line>| lines.iter().all(|it| it.state != State::Fail);
    let some_work = walks.iter().any(is_well);
    let mut lines: Vec<Line> = walks.into_iter().flatten().collect();
    for line in lines.iter_mut().filter(|it| some_work && it.state == State::Fail) {
        line.state = State::Warn;
        line.found.push_str("（别的地址送得到）");
    }
    lines
}

fn walk(options: &AmqpOptions, turn: usize, org: &str) -> Vec<Line> {
    let Some(place) = options.access.place(turn) else {
        return vec![Line::fail("F108", "地址不能用")];
    };
    let begun = Instant::now();
    let at = format!("{}:{}", place.host, place.port);
    if let Err(why) = connect(&place.host, place.port, TCP_MAX) {
        return vec![Line::fail("F101", format!("TCP {at}：{why}"))];
    }
    let mut lines =
        vec![Line::ok(format!("TCP {at} 连得上，{} 毫秒", begun.elapsed().as_millis()))];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(inside(options, turn, org, &place, &mut lines)),
        Err(error) => lines.push(Line::fail("H002", format!("没有运行环境：{error}"))),
    }
    lines
}

async fn inside(
    options: &AmqpOptions,
    turn: usize,
    org: &str,
    place: &Place,
    lines: &mut Vec<Line>,
) {
    let walk = match Walk::begin(&options.access, turn).await {
        Ok(walk) => walk,
        Err(error) => return lines.extend(turned_away(&error, place)),
    };
    lines.extend(let_in(place, walk.holds_until()));
    let exchange = &options.exchange;
    match walk.exchange(exchange).await {
        Ok(()) => {
            lines.push(Line::ok(format!("交换机 {exchange} 在")));
            lines.push(right(walk.right(exchange, &format!("{org}.doctor")).await, exchange));
            lines.push(queue(&walk, options).await);
        }
        Err(BrokerError::ChannelClosed { reply_code: MISSING, .. }) if options.declare => {
            lines.push(Line::ok(format!("交换机 {exchange} 还没有，启动时由前置机声明")));
        }
        Err(error) => lines.push(failed(&format!("交换机 {exchange}"), &error)),
    }
    walk.end().await;
}

/// The steps behind us once we are let in.
fn let_in(place: &Place, until: Option<Timestamp>) -> Vec<Line> {
    let mut lines = Vec::new();
    if place.tls {
        lines.push(Line::ok("TLS 通，证书受信任"));
    }
    lines.extend(until.map(|it| holds("平台和本机的证书（先到期的）", it, ["F111", "F114"])));
    lines.push(Line::ok(format!("登录 用户 {} 通过", place.user)));
    lines.push(Line::ok(format!("虚拟主机 {} 进得去", place.vhost)));
    lines
}

/// How far we came. The broker says of a virtual host only after it has believed who we are.
fn turned_away(error: &BrokerError, place: &Place) -> Vec<Line> {
    let tls = || place.tls.then(|| Line::ok("TLS 通，证书受信任"));
    let (user, vhost) = (&place.user, &place.vhost);
    match error {
        BrokerError::Refused { reply_code: NOT_ALLOWED, reply_text } => {
            let line = Line::fail(error.code(), format!("虚拟主机 {vhost}：{reply_text}"));
            let line = line.cure(format!(
                "请平台核对：有虚拟主机 {vhost}，给了用户 {user} 它的权限（set_permissions -p），连接数没有到上限"
            ));
            tls().into_iter().chain([Line::ok(format!("登录 用户 {user} 通过")), line]).collect()
        }
        BrokerError::Refused { reply_text, .. } => {
            let line = Line::fail(error.code(), format!("登录 用户 {user}：{reply_text}"));
            let cure = "核对 [forward] url 里的用户和口令（特殊字符写成 %XX），或请平台重设口令";
            tls().into_iter().chain([line.cure(cure)]).collect()
        }
        BrokerError::Certificate { .. } => vec![failed("TLS", error)],
        error if place.tls => {
            let line = failed("TLS", error);
            vec![line.cure(
                "这个端口上可能不是 TLS：amqps 一般是 5671，amqp 是 5672；核对地址和中间的防火墙",
            )]
        }
        error => {
            let line = failed("AMQP", error);
            vec![
                line.cure(
                    "这个端口上可能不是 AMQP，或只收 TLS（写 amqps://）；核对地址和中间的防火墙",
                ),
            ]
        }
    }
}

fn right(asked: Result<(), BrokerError>, exchange: &str) -> Line {
    match asked {
        Ok(()) => {
            Line::ok(format!("交换机 {exchange} 写得进（用一条一定被拒的消息问的，没有送出内容）"))
        }
        Err(error) => failed(&format!("写交换机 {exchange}"), &error),
    }
}

async fn queue(walk: &Walk, options: &AmqpOptions) -> Line {
    let named = options.declare.then_some(&options.queue).or(options.expect_queue.as_ref());
    let Some(queue) = named else {
        return Line::warn("F115", "平台的队列是什么类型没有核对：没有写 expect_queue");
    };
    match walk.queue(queue).await {
        Ok(Queue::Quorum) => Line::ok(format!("队列 {queue} 是仲裁队列，落盘后才确认")),
        Ok(Queue::Other(why)) => Line::warn("F113", format!("队列 {queue} 不是仲裁队列：{why}")),
        Ok(Queue::Unchecked(why)) => Line::warn("F115", format!("队列 {queue}：{why}")),
        Err(error) => failed(&format!("队列 {queue}"), &error),
    }
}

/// What it means, and what was said in whatever language.
fn failed(step: &str, error: &BrokerError) -> Line {
    let code = error.code();
    Line::fail(code, format!("{step}：{}（{error}）", codes::meaning(code)))
}

const TCP_MAX: Duration = Duration::from_secs(5);
const NOT_ALLOWED: u16 = 530;
const MISSING: u16 = 404;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_the_way_goes_is_told_step_by_step() {
        let refused = |reply_code, text: &str| BrokerError::Refused {
            reply_code,
            reply_text: text.to_owned(),
        };
        let login = refused(403, "ACCESS_REFUSED - Login was refused");
        check(&login, false, "fail F102 登录 用户 his：ACCESS_REFUSED - Login was refused");
        let vhost = refused(530, "NOT_ALLOWED - vhost / not found");
        check(
            &vhost,
            true,
            "ok TLS 通，证书受信任; ok 登录 用户 his 通过; fail F102 虚拟主机 /：NOT_ALLOWED - vhost / not found",
        );
        let expired = BrokerError::Certificate { reason: "expired".to_owned() };
        check(
            &expired,
            true,
            "fail F111 TLS：TLS 证书不被接受或已过期（a TLS certificate is not accepted: expired）",
        );
        let plain = BrokerError::Unreachable { reason: "closed".to_owned() };
        check(
            &plain,
            true,
            "fail F101 TLS：连不上消息队列（the broker cannot be reached: closed）",
        );
        check(
            &plain,
            false,
            "fail F101 AMQP：连不上消息队列（the broker cannot be reached: closed）",
        );
    }

    #[track_caller]
    fn check(error: &BrokerError, tls: bool, expected: &str) {
        let (user, vhost) = ("his".to_owned(), "/".to_owned());
        let place = Place { host: "mq".to_owned(), port: 5671, user, vhost, tls };
        let lines = turned_away(error, &place);
        let told = lines.iter().map(|it| {
            let code = it.code.as_ref().map_or(String::new(), |it| format!("{it} "));
            format!("{} {code}{}", it.state.as_str(), it.found)
        });
        assert_eq!(told.collect::<Vec<_>>().join("; "), expected);
        assert!(lines.last().is_some_and(|it| it.cure.is_some()));
    }
}
