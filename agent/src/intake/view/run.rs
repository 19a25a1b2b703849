//! One run over a view: pages in their order, each settled before the next is read.
//!
//! A row is known by its content within the sweep behind the watermark, or, where all of a view is
//! compared, by its key and content. What a crash has left between the two disks is read again: its
//! rows have the same ids then, and the outbox finds the records, the dead letters are looked for.

use super::book::{self, Identity};
use super::mark::Mark;
use super::row::document;
use super::session::Session;
use super::settle::{Progress, Read, Settling};
use super::statement::{Pages, place_of};
use super::trouble::{Ended, Trouble};
use crate::clock;
use crate::config::{Source, ViewConfig};
use crate::odbc::{Cell, Column, Page};
use crate::outbox::Change;

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Rows that became messages.
    pub(super) taken: usize,
    /// Rows that became dead letters.
    pub(super) refused: usize,
    /// Rows that were known.
    pub(super) known: usize,
    /// Rows that are no longer there.
    pub(super) vanished: usize,
    /// Whether the end of the view was reached.
    pub(super) is_whole: bool,
    /// Whether the hours ended in which it may be read.
    pub(super) is_closed: bool,
    /// How far it was read, if that is a time.
    pub(super) until: Option<String>,
}

/// A run.
pub(super) struct Run<'k> {
    /// What takes the rows.
    pub(super) door: Settling<'k>,
    pub(super) session: &'k mut Session,
}

impl Run<'_> {
    /// Reads on. A sweep begins further back.
    pub(super) fn go(self, is_sweep: bool) -> Result<Done, Ended> {
        let mut progress = self.begin()?;
        let pages = self.session.pages(self.door.view);
        let mut sql = pages.first(self.from(&progress, is_sweep)?.as_deref());
        loop {
            let page = self.session.select(&sql, self.door.view, self.door.stop)?;
            let rows = self.read(&pages, &page)?;
            let is_last = page.rows.len() < self.door.view.page_rows && !page.is_cut;
            let next = if is_last { None } else { Some(behind(self.door.view, &pages, &rows)?) };
            self.door.settle(rows, &mut progress)?;
            let Some(next) = next else {
                progress.done.is_whole = true;
                break;
            };
            if self.door.stop.is_cancelled() {
                return Err(Ended::Stopping);
            }
            // Without a watermark the next run begins at the front: cut off each time, none would come to the end.
            let goes_on = self.door.view.watermark.is_some();
            if goes_on && !self.door.view.schedule.is_open(clock::now().time()) {
                progress.done.is_closed = true;
                break;
            }
            if progress.done.taken + progress.done.refused >= self.door.view.rows_max {
                break;
            }
            sql = next;
        }
        self.end(progress, is_sweep)
    }

    fn begin(&self) -> Result<Progress, Ended> {
        let place = book::place(self.door.outbox(), self.door.channel, identity(self.door.view))?;
        let mark = place.mark.as_deref().or(self.door.view.start.as_deref());
        let mark = mark.map(|it| self.mark(it)).transpose()?;
        Ok(Progress::of(place, mark, self.door.view))
    }

    /// A watermark that was kept or configured, as the column has it now.
    fn mark(&self, text: &str) -> Result<Mark, Ended> {
        let name = self.door.view.watermark.as_deref().unwrap_or_default();
        let columns = &self.session.columns;
        let kind = place_of(name, columns).and_then(|it| columns.get(it)).map(|it| it.kind);
        let mark = kind.and_then(|it| Mark::parse(text, it));
        mark.ok_or_else(|| {
            Trouble::columns(format!("`{name}` 这一列放不下记下的水位或配置的 start"))
        })
    }

    /// Where the first page begins.
    fn from(&self, progress: &Progress, is_sweep: bool) -> Result<Option<String>, Ended> {
        let Some(mark) = &progress.mark else { return Ok(None) };
        let is_begun = progress.place.mark.is_some();
        let back = match (is_begun, is_sweep) {
            (false, _) => 0,
            (true, true) => self.door.view.sweep,
            (true, false) => self.door.view.overlap,
        };
        let from = self.session.pages(self.door.view).dialect.mark(&mark.before(back));
        from.map(Some).ok_or_else(|| Trouble::columns("水位写不进查询".to_owned()))
    }

    fn read(&self, pages: &Pages<'_>, page: &Page) -> Result<Vec<Read>, Ended> {
        let places: Option<Vec<usize>> =
            pages.order.iter().map(|it| place_of(it, &page.columns)).collect();
        let places = places.ok_or_else(|| Trouble::columns("视图的列变了".to_owned()))?;
        let rows = page.rows.iter().map(|it| self.row(pages, page, it, &places));
        self.apart(rows.collect::<Result<_, _>>()?)
    }

    /// Rows that a key does not tell apart would be lost at the border of two pages, or each be taken for
    /// a change of the other.
    fn apart(&self, rows: Vec<Read>) -> Result<Vec<Read>, Ended> {
        let is_one =
            |(it, next): (&Read, &Read)| it.order == next.order && it.digest != next.digest;
        let mut pairs = rows.iter().zip(rows.iter().skip(1));
        if !self.door.view.key.is_empty() && pairs.any(is_one) {
            let key = self.door.view.key.join("、");
            return Err(Trouble::columns(format!("key（{key}）认不出行：有几行的值相同，请加列")));
        }
        Ok(rows)
    }

    fn row(
        &self,
        pages: &Pages<'_>,
        page: &Page,
        cells: &[Cell],
        places: &[usize],
    ) -> Result<Read, Ended> {
        let named = places.iter().zip(&pages.order).enumerate();
        let (mut mark, mut is_odd) = (None, false);
        let (mut order, mut own) = (Vec::with_capacity(places.len()), Vec::new());
        for (number, (place, name)) in named {
            let is_mark = number == 0 && self.door.view.watermark.is_some();
            let (column, text) = value(page, cells, *place, name)?;
            if is_mark {
                mark = Mark::parse(text, column.kind);
                let written = mark.as_ref().and_then(|it| pages.dialect.mark(it));
                let odd = || Trouble::columns(format!("`{name}` 里有当不了水位的值"));
                order.push(written.ok_or_else(odd)?);
            } else {
                let written = pages.dialect.value(text, column.kind);
                is_odd |= written.is_none();
                // No statement begins so: it is none.
                order.push(written.unwrap_or_else(|| format!("\0{text}")));
                own.push(text.to_owned());
            }
        }
        let document = document(&page.columns, cells);
        let digest = book::digest(&document.text);
        let (name, kept) = match &mark {
            Some(mark) => (digest, mark.to_string()),
            None => (book::digest(&order.join("\u{1f}")), book::hex(digest)),
        };
        Ok(Read { document, digest, name, kept, order, own, is_odd, mark, is_newest: false })
    }

    /// Behind the last page: the run is over, and what need not be known any more goes.
    fn end(&self, mut progress: Progress, is_sweep: bool) -> Result<Done, Ended> {
        let mut changes = Vec::new();
        if progress.done.is_whole {
            match &progress.mark {
                Some(mark) if is_sweep => changes.extend(self.outdated(mark)?),
                Some(_) => {}
                None => changes.extend(self.vanished(&mut progress)?),
            }
        }
        self.door.close(&mut progress, changes)?;
        let until = progress.mark.filter(|it| matches!(it, Mark::Time(..)));
        Ok(Done { until: until.map(|it| it.to_string()), ..progress.done })
    }

    /// Rows that no sweep will meet again.
    fn outdated(&self, mark: &Mark) -> Result<Vec<Change>, Ended> {
        let first = mark.before(self.door.view.sweep);
        let is_old = |text: &str| match self.mark(text) {
            Ok(it) => it.is_outdated(&first),
            Err(_) => true,
        };
        let old = book::rows(self.door.outbox(), self.door.channel, |_, text| is_old(text))?;
        Ok(old.into_iter().map(|it| book::remove_row(self.door.channel, it)).collect())
    }

    /// Rows whose key is no longer there: told once, and kept as gone, so that they are taken if they
    /// come again.
    fn vanished(&self, progress: &mut Progress) -> Result<Vec<Change>, Ended> {
        if self.door.view.watermark.is_some() {
            return Ok(Vec::new()); // nothing was ever read
        }
        let seen = &progress.seen;
        let gone = book::rows(self.door.outbox(), self.door.channel, |it, text| {
            text != GONE && !seen.contains(&it)
        })?;
        progress.done.vanished = gone.len();
        Ok(gone.into_iter().map(|it| book::put_row(self.door.channel, it, GONE)).collect())
    }
}

/// The statement of the page behind these rows. Rows like the last one may lie on both sides of the
/// border: they are read once more. So are those at the end that no statement can name.
fn behind(view: &ViewConfig, pages: &Pages<'_>, rows: &[Read]) -> Result<String, Ended> {
    let (Some(first), Some(end)) = (rows.first(), rows.last()) else {
        return Ok(String::new());
    };
    // The next page would be this one.
    if first.order == end.order {
        return Err(too_many_alike(view));
    }
    let last = rows.iter().rfind(|it| !it.is_odd && it.order != first.order);
    let last = last.ok_or_else(|| too_many_odd(view))?;
    if !view.key.is_empty() {
        return Ok(pages.behind(&last.order));
    }
    Ok(pages.first(last.order.first().map(String::as_str)))
}

/// One page has nothing but rows that are ordered alike.
fn too_many_alike(view: &ViewConfig) -> Ended {
    let name = view.watermark.as_deref().unwrap_or_default();
    let key = view.key.join("、");
    Trouble::columns(if key.is_empty() {
        format!("`{name}` 相同的行一页放不下：请配上 key")
    } else {
        format!("key（{key}）相同的行一页放不下：请加列，或去掉视图里重复的行")
    })
}

/// One page has nothing but rows that no statement can name.
fn too_many_odd(view: &ViewConfig) -> Ended {
    let key = view.key.join("、");
    Trouble::columns(format!("key（{key}）的值写不进查询，一页里都是这样的行"))
}

/// A value that must be there.
fn value<'p>(
    page: &'p Page,
    cells: &'p [Cell],
    place: usize,
    name: &str,
) -> Result<(&'p Column, &'p str), Ended> {
    match (page.columns.get(place), cells.get(place)) {
        (Some(column), Some(Cell::Text(text))) => Ok((column, text)),
        _ => Err(Trouble::columns(format!("`{name}` 里有空值或读不出的值"))),
    }
}

/// What a place is a place in.
fn identity(view: &ViewConfig) -> Identity {
    let source = match &view.source {
        Source::Table(it) | Source::Query(it) => it,
    };
    // With a watermark, rows are known by their content, whatever orders them.
    let by = view.watermark.clone().unwrap_or_else(|| view.key.join(","));
    let named = |text: &str| book::hex(book::digest(text));
    Identity {
        source: named(&format!("{source}\u{1f}{by}")),
        database: named(&view.connection.database()),
    }
}

const GONE: &str = "gone";
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::statement::Dialect;
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_page_of_rows_that_are_ordered_alike_ends_the_run() {
        check("watermark = \"T\"", ["1", "2"], "SELECT * FROM V WHERE T >= 2 ORDER BY T LIMIT 2");
        check("watermark = \"T\"", ["1", "1"], "`T` 相同的行一页放不下：请配上 key");
        let next = "SELECT * FROM V WHERE K >= 2 AND ((K >= 2)) ORDER BY K LIMIT 2";
        check("key = [\"K\"]", ["1", "2"], next);
        let told = "key（K）相同的行一页放不下：请加列，或去掉视图里重复的行";
        check("key = [\"K\"]", ["1", "1"], told);
    }

    /// A backslash is half of something else to some databases: it is not written, and stops nobody.
    #[test]
    fn a_page_begins_at_a_row_that_can_be_named() {
        let next = "SELECT * FROM V WHERE K >= 2 AND ((K >= 2)) ORDER BY K LIMIT 2";
        check_rows("key = [\"K\"]", &["1", "2", "\0a\\", "\0b\\"], next);
        let told = "key（K）的值写不进查询，一页里都是这样的行";
        check_rows("key = [\"K\"]", &["1", "\0a\\", "\0b\\"], told);
        check_rows("key = [\"K\"]", &["\0a\\", "2"], next);
    }

    #[track_caller]
    fn check(keys: &str, ordered: [&str; 2], expected: &str) {
        check_rows(keys, &ordered, expected);
    }

    #[track_caller]
    fn check_rows(keys: &str, ordered: &[&str], expected: &str) {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"his\"\n[channel.view]\n\
             connection = \"DSN=his\"\ntable = \"V\"\n{keys}\n"
        );
        let config = Config::parse("agent.toml", &text).unwrap();
        let view = config.channels.iter().find_map(|it| it.view.as_ref()).unwrap();
        let order = view.watermark.iter().chain(&view.key).map(String::as_str).collect();
        let dialect = Dialect::of("MySQL", None, None);
        let pages = Pages { dialect, source: &view.source, order, rows: 2 };
        let rows: Vec<Read> = ordered.iter().map(|it| row(it)).collect();
        let told = match behind(view, &pages, &rows) {
            Ok(sql) => sql,
            Err(Ended::Trouble(trouble)) => trouble.reason,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(told, expected);
    }

    fn row(order: &str) -> Read {
        let digest = book::digest("");
        Read {
            document: document(&[], &[]),
            digest,
            name: digest,
            kept: String::new(),
            order: vec![order.to_owned()],
            own: Vec::new(),
            is_odd: order.starts_with('\0'),
            mark: None,
            is_newest: false,
        }
    }
}
