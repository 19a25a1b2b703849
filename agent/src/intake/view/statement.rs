//! The statements that a view is read by. Each is one `SELECT`; what a row gave goes into the next only
//! as a number, a time or a quoted text that was looked at here.

use adapters::{Charset, encode_answer};

use crate::config::{Paging, Source, ViewCharset};
use crate::odbc::{Column, Kind};

use super::mark::{Form, Mark};

/// How to speak to one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    paging: Paging,
    times: Times,
    /// Whether it hears GBK, in which a backslash may be half of a character.
    is_gbk: bool,
}

/// How a time is written into a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    /// `TIMESTAMP '2026-11-22 10:15:30'`
    Standard,
    /// `TO_DATE('…', '…')`: beside a DATE anything else would pass over the index.
    Oracle,
    /// `'2026-11-22T10:15:30'`, whatever language the session has.
    Quoted(char),
}

impl Dialect {
    /// By what a database calls itself, unless the configuration says how to page.
    pub(super) fn of(dbms: &str, paging: Option<Paging>, charset: Option<ViewCharset>) -> Dialect {
        let dbms = dbms.to_ascii_lowercase();
        let is = |names: &[&str]| names.iter().any(|it| dbms.contains(it));
        let (own, times) = if is(&["oracle"]) {
            (Paging::Rownum, Times::Oracle)
        } else if is(&["sql server", "sqlserver", "adaptive server", "cache", "iris"]) {
            (Paging::Top, Times::Quoted('T'))
        } else if is(&["sqlite"]) {
            (Paging::Limit, Times::Quoted(' '))
        } else if is(LIMITERS) || dbms.starts_with("dm") {
            (Paging::Limit, Times::Standard)
        } else {
            (Paging::Cursor, Times::Standard)
        };
        let is_gbk = charset == Some(ViewCharset::Gb18030);
        Dialect { paging: paging.unwrap_or(own), times, is_gbk }
    }

    /// Whether a statement does not say itself how many rows are wanted.
    pub(super) fn leaves_limits(self) -> bool {
        self.paging == Paging::Cursor
    }

    /// A watermark in a statement; nothing when it cannot be written safely.
    pub(super) fn mark(self, mark: &Mark) -> Option<String> {
        match mark {
            Mark::Number(it) => Some(it.to_string()),
            Mark::Time(_, Form::Moment) => Some(self.time(&mark.to_string())),
            Mark::Time(..) | Mark::Text(_) => self.quoted(&mark.to_string()),
        }
    }

    /// A value of a key in a statement; nothing when it cannot be written safely.
    pub(super) fn value(self, text: &str, kind: Kind) -> Option<String> {
        match kind {
            Kind::Number => is_decimal(text).then(|| text.to_owned()),
            Kind::Moment => Mark::parse(text, kind).map(|it| self.time(&it.to_string())),
            Kind::Text | Kind::Filled => self.quoted(text),
            Kind::Bytes => None,
        }
    }

    /// What some databases read as more than a character is not written.
    fn quoted(self, text: &str) -> Option<String> {
        let is_plain = |it: char| !it.is_control() && it != '\\';
        let halves =
            if self.is_gbk { encode_answer(text, Charset::Gb18030).ok()? } else { Vec::new() };
        let is_good = text.chars().all(is_plain) && !halves.contains(&b'\\') && text.len() <= 512;
        is_good.then(|| format!("'{}'", text.replace('\'', "''")))
    }

    /// `text` is what a [`Mark`] has written: digits, `-`, `:`, `.` and a blank.
    fn time(self, text: &str) -> String {
        match self.times {
            Times::Standard => format!("TIMESTAMP '{text}'"),
            Times::Quoted(between) => format!("'{}'", text.replacen(' ', &between.to_string(), 1)),
            Times::Oracle if text.contains('.') => {
                format!("TO_TIMESTAMP('{text}', 'YYYY-MM-DD HH24:MI:SS.FF')")
            }
            Times::Oracle => format!("TO_DATE('{text}', 'YYYY-MM-DD HH24:MI:SS')"),
        }
    }
}

/// A view that is read page by page, in an order of its own.
#[derive(Clone, Debug)]
pub(crate) struct Pages<'c> {
    pub(super) dialect: Dialect,
    pub(super) source: &'c Source,
    /// The columns that order it: the watermark, then the key.
    pub(super) order: Vec<&'c str>,
    pub(super) rows: usize,
}

impl Pages<'_> {
    /// The first page, from a value of the first column on if there is one.
    pub(crate) fn first(&self, from: Option<&str>) -> String {
        let condition = from.map(|it| {
            let column = self.order.first().copied().unwrap_or_default();
            format!("{column} >= {it}")
        });
        self.page(condition.as_deref())
    }

    /// The page behind a row, told by its values of the columns that order. That row is read once more:
    /// one that they do not tell apart from it would lie on the other side of the border, and be missed.
    pub(super) fn behind(&self, values: &[String]) -> String {
        let mut alternatives = Vec::new();
        for (place, (column, value)) in self.order.iter().zip(values).enumerate() {
            let before = self.order.iter().zip(values).take(place);
            let mut all: Vec<String> =
                before.map(|(it, value)| format!("{it} = {value}")).collect();
            let is_last = place + 1 == self.order.len();
            all.push(format!("{column} {} {value}", if is_last { ">=" } else { ">" }));
            alternatives.push(format!("({})", all.join(" AND ")));
        }
        // Said once more in the form that every database finds an index by.
        let index = self.order.first().zip(values.first());
        let index = index.map(|(column, value)| format!("{column} >= {value} AND "));
        let condition = format!("{}({})", index.unwrap_or_default(), alternatives.join(" OR "));
        self.page(Some(&condition))
    }

    /// No row, for the columns.
    pub(super) fn none(&self) -> String {
        self.page(Some("1 = 0"))
    }

    fn page(&self, condition: Option<&str>) -> String {
        let source = match self.source {
            Source::Table(name) => name.clone(),
            Source::Query(query) => format!("({query}) his_view"),
        };
        let condition = condition.map(|it| format!(" WHERE {it}")).unwrap_or_default();
        let (order, rows) = (self.order.join(", "), self.rows);
        let ordered = format!("FROM {source}{condition} ORDER BY {order}");
        match self.dialect.paging {
            Paging::Limit => format!("SELECT * {ordered} LIMIT {rows}"),
            Paging::Top => format!("SELECT TOP {rows} * {ordered}"),
            Paging::Rownum => {
                format!("SELECT * FROM (SELECT * {ordered}) his_page WHERE ROWNUM <= {rows}")
            }
            Paging::Cursor => format!("SELECT * {ordered}"),
        }
    }
}

/// Where a column stands that was named as one writes it in a statement.
pub(super) fn place_of(name: &str, columns: &[Column]) -> Option<usize> {
    let bare = |it: &str| it.replace(['"', '`', '[', ']'], "").trim().to_lowercase();
    let name = bare(name);
    let name = name.rsplit('.').next().unwrap_or_default();
    columns.iter().position(|it| bare(&it.name) == name)
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    !(whole.is_empty() && fraction.is_empty()) && is_digits(whole) && is_digits(fraction)
}

const LIMITERS: &[&str] = &[
    "postgresql",
    "mysql",
    "mariadb",
    "kingbase",
    "opengauss",
    "gaussdb",
    "vastbase",
    "highgo",
    "oceanbase",
    "tidb",
    "oscar",
    "gbase",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_every_database() {
        check(
            "PostgreSQL",
            "SELECT * FROM V WHERE T >= TIMESTAMP '2026-11-22 10:00:00.5' ORDER BY T, K LIMIT 2",
            "SELECT * FROM V WHERE T >= TIMESTAMP '2026-11-22 10:00:00.5' AND \
             ((T > TIMESTAMP '2026-11-22 10:00:00.5') OR (T = TIMESTAMP '2026-11-22 10:00:00.5' AND K >= 'O''B')) \
             ORDER BY T, K LIMIT 2",
        );
        check(
            "Microsoft SQL Server",
            "SELECT TOP 2 * FROM V WHERE T >= '2026-11-22T10:00:00.5' ORDER BY T, K",
            "SELECT TOP 2 * FROM V WHERE T >= '2026-11-22T10:00:00.5' AND ((T > '2026-11-22T10:00:00.5') OR \
             (T = '2026-11-22T10:00:00.5' AND K >= 'O''B')) ORDER BY T, K",
        );
        let oracle = "TO_TIMESTAMP('2026-11-22 10:00:00.5', 'YYYY-MM-DD HH24:MI:SS.FF')";
        check(
            "Oracle",
            &format!(
                "SELECT * FROM (SELECT * FROM V WHERE T >= {oracle} ORDER BY T, K) his_page WHERE ROWNUM <= 2"
            ),
            &format!(
                "SELECT * FROM (SELECT * FROM V WHERE T >= {oracle} AND ((T > {oracle}) OR (T = {oracle} AND \
                 K >= 'O''B')) ORDER BY T, K) his_page WHERE ROWNUM <= 2"
            ),
        );
        check(
            "DM DBMS",
            "SELECT * FROM V WHERE T >= TIMESTAMP '2026-11-22 10:00:00.5' ORDER BY T, K LIMIT 2",
            "",
        );
        check(
            "Vendor",
            "SELECT * FROM V WHERE T >= TIMESTAMP '2026-11-22 10:00:00.5' ORDER BY T, K",
            "",
        );
    }

    #[track_caller]
    fn check(dbms: &str, first: &str, behind: &str) {
        let dialect = Dialect::of(dbms, None, None);
        let source = Source::Table("V".to_owned());
        let pages = Pages { dialect, source: &source, order: vec!["T", "K"], rows: 2 };
        let mark = Mark::parse("2026-11-22 10:00:00.5", Kind::Moment).unwrap();
        let from = dialect.mark(&mark).unwrap();
        assert_eq!(pages.first(Some(&from)), first);
        let key = dialect.value("O'B", Kind::Text).unwrap();
        if !behind.is_empty() {
            assert_eq!(pages.behind(&[from, key]), behind);
        }
    }

    #[test]
    fn a_date_of_oracle_stays_a_date() {
        let mark = Mark::parse("2026-11-22 10:00:00", Kind::Moment).unwrap();
        assert_eq!(
            Dialect::of("Oracle", None, None).mark(&mark).unwrap(),
            "TO_DATE('2026-11-22 10:00:00', 'YYYY-MM-DD HH24:MI:SS')"
        );
    }

    #[test]
    fn nothing_gets_out_of_a_value() {
        let of = |text, kind, charset| {
            Dialect::of("MySQL", None, charset).value(text, kind).unwrap_or_default()
        };
        let value = |text, kind| of(text, kind, None);
        assert_eq!(value("1 OR 1=1", Kind::Number), "");
        assert_eq!(value("-1.50", Kind::Number), "-1.50");
        assert_eq!(value("x' OR '1'='1", Kind::Text), "'x'' OR ''1''=''1'");
        assert_eq!(value("x\\", Kind::Text), "");
        assert_eq!(value("2026'; --", Kind::Moment), "");
        assert_eq!(value("处方1", Kind::Filled), "'处方1'");
        // In GBK these end in the byte of a backslash.
        assert_eq!(value("誠乗", Kind::Text), "'誠乗'");
        for half in ["誠", "乗1"] {
            assert_eq!(of(half, Kind::Text, Some(ViewCharset::Gb18030)), "", "{half}");
        }
        assert_eq!(of("处方1", Kind::Text, Some(ViewCharset::Gb18030)), "'处方1'");
    }

    #[test]
    fn columns_are_found_as_one_writes_them() {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text, size: 1 };
        let columns = [column("ID"), column("处方号")];
        for (name, expected) in [
            ("id", Some(0)),
            ("v.\"ID\"", Some(0)),
            ("[处方号]", Some(1)),
            ("`处方号`", Some(1)),
            ("处方", None),
        ] {
            assert_eq!(place_of(name, &columns), expected, "{name}");
        }
    }
}
