//! Why somebody was not let in, and how it is told. Who shows no right token learns nothing of which
//! callers there are; who does is told what is wrong with it.

use std::time::Duration;

use http::StatusCode;

use crate::intake::answer::Fault;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nothing was shown, and nobody is known by that address or certificate.
    Unknown,
    /// Nobody has this token, or not there, or not under that name.
    Wrong,
    /// Its time is over.
    Expired,
    /// It was taken away.
    Revoked,
    /// It is somebody who may do something else.
    MayNot,
    /// Nobody may use the channel from that address.
    Elsewhere,
    /// Too many wrong tokens came from that address.
    Locked(Duration),
    /// It calls more often than it may.
    TooOften(Duration),
}

impl Refused {
    /// Of annex A: 3, 6, 8, 10, 11 and 15.
    pub(crate) fn fault(self) -> Fault {
        let fault = |status, annex, message: &str| {
            Fault::new(status, annex, self.code(), message.to_owned())
        };
        match self {
            Refused::Unknown => fault(StatusCode::UNAUTHORIZED, 11, UNKNOWN),
            Refused::Wrong => fault(StatusCode::UNAUTHORIZED, 10, WRONG),
            Refused::Expired => fault(StatusCode::FORBIDDEN, 6, EXPIRED),
            Refused::Revoked => fault(StatusCode::FORBIDDEN, 3, REVOKED),
            Refused::MayNot => fault(StatusCode::FORBIDDEN, 8, MAY_NOT),
            Refused::Elsewhere => fault(StatusCode::FORBIDDEN, 8, ELSEWHERE),
            Refused::Locked(left) => {
                fault(StatusCode::TOO_MANY_REQUESTS, 15, LOCKED).in_a_while(left)
            }
            Refused::TooOften(left) => {
                fault(StatusCode::TOO_MANY_REQUESTS, 15, TOO_OFTEN).in_a_while(left)
            }
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Refused::Unknown => "I221",
            Refused::Wrong => "I222",
            Refused::Expired | Refused::Revoked => "I223",
            Refused::MayNot => "I224",
            Refused::Elsewhere => "I227",
            Refused::Locked(_) => "I225",
            Refused::TooOften(_) => "I226",
        }
    }
}

const UNKNOWN: &str =
    "请出示令牌：请求头写 Authorization: Bearer 令牌，或 X-Api-Token: 令牌；令牌向医院信息科要";
const WRONG: &str = "令牌不对，或不能从这个地址用：核对令牌有没有抄全，再请医院信息科核对";
const EXPIRED: &str = "令牌已过期，请医院信息科换一个";
const REVOKED: &str = "令牌已停用，请医院信息科换一个";
const MAY_NOT: &str = "这个调用者没有做这件事的权限，请医院信息科核对它的权限和通道";
const ELSEWHERE: &str = "这个通道不接受来自这个地址的调用，请医院信息科核对通道的 addresses";
const LOCKED: &str =
    "这个地址反复出示错误的令牌，暂时不理：请先核对令牌，按 Retry-After 等待后再试";
const TOO_OFTEN: &str = "调用太频繁，请按 Retry-After 等待后原样重送；重送不会重复入库";
