//! Lines for the journal: it knows the time of each and takes its severity from the line's head, so that
//! `journalctl -p warning` finds what somebody has to act upon.

use std::fmt;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Whether standard error is the journal, and not what somebody has put in its place.
pub(super) fn is_standard_error() -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let own = std::io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let about = own.and_then(|it| it.metadata()).ok();
    named.zip(about).is_some_and(|(named, it)| named == format!("{}:{}", it.dev(), it.ino()))
}

/// Puts the severity in front, as sd-daemon(3) says.
pub(super) struct ForJournal<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for ForJournal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(line, "<{}>", severity(*event.metadata().level()))?;
        self.0.format_event(context, line, event)
    }
}

/// As syslog counts.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[test]
    fn a_line_of_the_journal_has_its_severity_and_no_time() {
        let told = Told::default();
        let out = told.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(move || out.clone());
        let subscriber = builder.without_time().map_event_format(ForJournal).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(code = "O103", "the disk refused");
            tracing::info!("serving");
        });
        let text = told.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = str::from_utf8(&text).unwrap_or_default().lines().collect();
        let module = module_path!();
        assert_eq!(
            lines,
            [
                format!("<3>ERROR {module}: the disk refused code=\"O103\""),
                format!("<6> INFO {module}: serving"),
            ]
        );
    }

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<u8>>>);

    impl Write for Told {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
