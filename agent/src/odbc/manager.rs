//! The ODBC manager, `libodbc.so.2`: loaded by hand, its functions behind types that keep its rules.
//! The only room where ODBC is unsafe.
//!
//! Seventeen functions are all that reading needs. Declared here they cost no dependency, no header and
//! no library at build time; `odbc-api` would want `libodbc` to link, and the agent would not start
//! without it.
//!
//! The rules that hold everywhere below: a handle lives as long as the value that owns it and is freed
//! after those made from it (lifetimes see to that); every buffer outlives the call it is given to, and
//! its length is told in the unit that the function wants.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::mem::transmute;
use std::ptr::null_mut;

use adapters::{Charset, decode_strictly, encode_answer};

use super::frames::Failure;

type Handle = *mut c_void;
type Return = i16;

macro_rules! manager {
    ($($name:ident $symbol:literal ($($kind:ty),*);)*) => {
        /// The manager's functions, by the names that they have here.
        #[derive(Debug)]
        pub(super) struct Manager {
            $($name: unsafe extern "C" fn($($kind),*) -> Return,)*
        }

        impl Manager {
            fn find(library: *mut c_void) -> Result<Manager, String> {
                Ok(Manager {$(
                    $name: {
                        let at = symbol(library, $symbol)?;
                        // SAFETY: ODBC 3 declares the function of this name so.
                        unsafe { transmute::<*mut c_void, unsafe extern "C" fn($($kind),*) -> Return>(at) }
                    },
                )*})
            }
        }
    };
}

manager! {
    allocate c"SQLAllocHandle" (i16, Handle, *mut Handle);
    free c"SQLFreeHandle" (i16, Handle);
    set_environment c"SQLSetEnvAttr" (Handle, i32, *mut c_void, i32);
    set_connection c"SQLSetConnectAttr" (Handle, i32, *mut c_void, i32);
    connect c"SQLDriverConnect" (Handle, *mut c_void, *const c_void, i16, *mut c_void, i16, *mut i16, u16);
    connect_wide c"SQLDriverConnectW" (Handle, *mut c_void, *const c_void, i16, *mut c_void, i16, *mut i16, u16);
    disconnect c"SQLDisconnect" (Handle);
    info c"SQLGetInfo" (Handle, u16, *mut c_void, i16, *mut i16);
    set_statement c"SQLSetStmtAttr" (Handle, i32, *mut c_void, i32);
    execute c"SQLExecDirect" (Handle, *const c_void, i32);
    execute_wide c"SQLExecDirectW" (Handle, *const c_void, i32);
    count_columns c"SQLNumResultCols" (Handle, *mut i16);
    describe c"SQLDescribeCol" (Handle, u16, *mut c_void, i16, *mut i16, *mut i16, *mut usize, *mut i16, *mut i16);
    describe_wide c"SQLDescribeColW" (Handle, u16, *mut c_void, i16, *mut i16, *mut i16, *mut usize, *mut i16, *mut i16);
    fetch c"SQLFetch" (Handle);
    get c"SQLGetData" (Handle, u16, i16, *mut c_void, isize, *mut isize);
    complaint c"SQLGetDiagRec" (i16, Handle, i16, *mut c_void, *mut i32, *mut c_void, i16, *mut i16);
}

impl Manager {
    /// Loads it; it stays for as long as the process lives.
    pub(super) fn load() -> Result<Manager, String> {
        let mut why = String::new();
        for name in LIBRARIES {
            // SAFETY: the name ends in NUL. What the library does when it is loaded is its own affair,
            // and that of this process.
            let library =
                unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
            if !library.is_null() {
                return Manager::find(library);
            }
            if why.is_empty() {
                why = loader_says();
            }
        }
        Err(why)
    }

    fn handle(&self, kind: i16, of: Handle) -> Result<Handle, Failure> {
        let mut handle = null_mut();
        // SAFETY: `of` is a live handle of the kind above this one; `handle` is written to.
        let done = unsafe { (self.allocate)(kind, of, &raw mut handle) };
        if is_good(done) && !handle.is_null() {
            return Ok(handle);
        }
        Err(self.why(if kind == STATEMENT { CONNECTION } else { ENVIRONMENT }, of))
    }

    /// What is complained of about a handle.
    fn why(&self, kind: i16, handle: Handle) -> Failure {
        let (mut state, mut native, mut length) = ([0_u8; 6], 0, 0);
        let mut text = vec![0_u8; COMPLAINT_BYTES];
        // SAFETY: the buffers are as long as told, the state's has its six bytes.
        let done = unsafe {
            (self.complaint)(
                kind,
                handle,
                1,
                state.as_mut_ptr().cast(),
                &raw mut native,
                text.as_mut_ptr().cast(),
                i16_of(COMPLAINT_BYTES),
                &raw mut length,
            )
        };
        if !is_good(done) {
            return Failure { state: "HY000".to_owned(), native: 0, text: String::new() };
        }
        text.truncate(usize::try_from(length).unwrap_or(0).min(COMPLAINT_BYTES - 1));
        let [state @ .., _] = state;
        Failure { state: readable(&state), native, text: readable(&text) }
    }
}

/// How texts go to and come from a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// In UTF-16: the driver translates.
    Wide,
    /// As bytes in an encoding: nobody translates.
    Narrow(Charset),
}

impl Speech {
    /// A text for a driver, and its length in the driver's unit; nothing when the encoding lacks it.
    fn spoken(self, text: &str) -> Result<(Vec<u8>, usize), Failure> {
        match self {
            Speech::Wide => {
                let units: Vec<u16> = text.encode_utf16().collect();
                let mut bytes: Vec<u8> = units.iter().flat_map(|it| it.to_ne_bytes()).collect();
                bytes.extend([0; 2]);
                Ok((bytes, units.len()))
            }
            Speech::Narrow(charset) => {
                let mut bytes = encode_answer(text, charset)
                    .map_err(|_| own_failure("a statement has characters that `charset` lacks"))?;
                let length = bytes.len();
                bytes.push(0);
                Ok((bytes, length))
            }
        }
    }

    /// A text of a driver, strictly.
    pub(super) fn heard(self, bytes: &[u8]) -> Option<String> {
        match self {
            Speech::Narrow(charset) => decode_strictly(bytes, charset),
            Speech::Wide => {
                let units = bytes.chunks_exact(2).map(|it| match it {
                    [one, other] => u16::from_ne_bytes([*one, *other]),
                    _ => 0,
                });
                char::decode_utf16(units).collect::<Result<String, _>>().ok()
            }
        }
    }

    const fn unit_bytes(self) -> usize {
        match self {
            Speech::Wide => 2,
            Speech::Narrow(_) => 1,
        }
    }
}

/// A connection, logged in.
#[derive(Debug)]
pub(super) struct Connection<'m> {
    manager: &'m Manager,
    environment: Handle,
    handle: Handle,
    is_open: bool,
    speech: Speech,
    /// How values come, which are most of what is said.
    pub(super) values: Speech,
}

impl<'m> Connection<'m> {
    /// Logs in, read-only as far as the driver cares.
    pub(super) fn open(
        manager: &'m Manager,
        connection: &str,
        speech: Speech,
        timeout_s: u32,
    ) -> Result<Connection<'m>, Failure> {
        let environment = manager.handle(ENVIRONMENT, null_mut())?;
        // SAFETY: the environment is live; the version is a number in the place of a pointer.
        unsafe { (manager.set_environment)(environment, ODBC_VERSION, number(ODBC_3), 0) };
        let handle = manager.handle(CONNECTION, environment).inspect_err(|_| {
            // SAFETY: nothing was made from it.
            unsafe { (manager.free)(ENVIRONMENT, environment) };
        })?;
        let mut it =
            Connection { manager, environment, handle, is_open: false, speech, values: speech };
        it.set(LOGIN_TIMEOUT, timeout_s);
        it.set(ACCESS_MODE, READ_ONLY);
        it.log_in(connection)?;
        if speech == Speech::Wide && miscounts(&it.told(DRIVER_NAME)) {
            it.values = Speech::Narrow(Charset::Utf8);
        }
        Ok(it)
    }

    /// Drivers that do not know an attribute say so; it was a wish.
    fn set(&self, attribute: i32, value: u32) {
        // SAFETY: the connection is live; both attributes are numbers in the place of a pointer.
        unsafe { (self.manager.set_connection)(self.handle, attribute, number(value), 0) };
    }

    fn log_in(&mut self, connection: &str) -> Result<(), Failure> {
        let (text, length) = self.speech.spoken(connection)?;
        let connect = match self.speech {
            Speech::Wide => self.manager.connect_wide,
            Speech::Narrow(_) => self.manager.connect,
        };
        // SAFETY: the text is as long as told; no answer is wanted, and nobody is prompted.
        let done = unsafe {
            connect(
                self.handle,
                null_mut(),
                text.as_ptr().cast(),
                i16_of(length),
                null_mut(),
                0,
                null_mut(),
                NO_PROMPT,
            )
        };
        if !is_good(done) {
            return Err(self.manager.why(CONNECTION, self.handle));
        }
        self.is_open = true;
        Ok(())
    }

    /// What the driver says of the database; empty when it does not.
    pub(super) fn told(&self, what: u16) -> String {
        let mut text = [0_u8; 256];
        let mut length = 0;
        // SAFETY: the buffer is as long as told; both questions are answered with text.
        let done = unsafe {
            (self.manager.info)(self.handle, what, text.as_mut_ptr().cast(), 256, &raw mut length)
        };
        if !is_good(done) {
            return String::new();
        }
        readable(text.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default())
    }

    /// A statement to be run.
    pub(super) fn statement(&self) -> Result<Statement<'_>, Failure> {
        let handle = self.manager.handle(STATEMENT, self.handle)?;
        Ok(Statement { connection: self, handle })
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // SAFETY: statements borrow this, so none is left; the order is that of the manager.
        unsafe {
            if self.is_open {
                (self.manager.disconnect)(self.handle);
            }
            (self.manager.free)(CONNECTION, self.handle);
            (self.manager.free)(ENVIRONMENT, self.environment);
        }
    }
}

/// The driver of MariaDB (3.1) takes a unit of UTF-16 whose low byte is D8 to DB, as that of `高`, for half a
/// character: it tells each such text too short, and a long one it gives short. In UTF-8 it counts right.
fn miscounts(driver: &str) -> bool {
    driver.contains("maodbc")
}

/// A statement, and what it gives.
#[derive(Debug)]
pub(super) struct Statement<'c> {
    connection: &'c Connection<'c>,
    handle: Handle,
}

/// A moment as a driver tells it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Moment {
    pub(super) year: i16,
    pub(super) month: u16,
    pub(super) day: u16,
    pub(super) hour: u16,
    pub(super) minute: u16,
    pub(super) second: u16,
    /// Billionths of a second.
    pub(super) fraction: u32,
}

/// Bytes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bytes(Vec<u8>),
    TooLong,
}

impl Statement<'_> {
    /// Bounds its time. A driver that cannot is bounded by whoever asked.
    pub(super) fn limit_time(&self, timeout_s: u32) {
        self.set(QUERY_TIMEOUT, timeout_s);
    }

    /// Bounds its rows.
    pub(super) fn limit_rows(&self, rows_max: usize) {
        self.set(MAX_ROWS, u32::try_from(rows_max).unwrap_or(0));
    }

    fn set(&self, attribute: i32, value: u32) {
        // SAFETY: the statement is live; both attributes are numbers in the place of a pointer.
        unsafe { (self.manager().set_statement)(self.handle, attribute, number(value), 0) };
    }

    pub(super) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        let (text, length) = self.connection.speech.spoken(sql)?;
        let execute = match self.connection.speech {
            Speech::Wide => self.manager().execute_wide,
            Speech::Narrow(_) => self.manager().execute,
        };
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        // SAFETY: the text is as long as told, in the function's unit.
        let done = unsafe { execute(self.handle, text.as_ptr().cast(), length) };
        if is_good(done) || done == NO_DATA { Ok(()) } else { Err(self.why()) }
    }

    pub(super) fn columns(&self) -> Result<u16, Failure> {
        let mut count = 0;
        // SAFETY: the count is written to.
        let done = unsafe { (self.manager().count_columns)(self.handle, &raw mut count) };
        if is_good(done) { Ok(u16::try_from(count).unwrap_or(0)) } else { Err(self.why()) }
    }

    /// A column's name, its type's number and its size.
    pub(super) fn column(&self, number: u16) -> Result<(String, i16, usize), Failure> {
        let (mut kind, mut size, mut length) = (0, 0, 0);
        let mut name = vec![0_u8; NAME_BYTES];
        let speech = self.connection.speech;
        let describe = match speech {
            Speech::Wide => self.manager().describe_wide,
            Speech::Narrow(_) => self.manager().describe,
        };
        let room = NAME_BYTES / speech.unit_bytes();
        // SAFETY: the name's buffer has `room` units; the other answers are written to or not wanted.
        let done = unsafe {
            describe(
                self.handle,
                number,
                name.as_mut_ptr().cast(),
                i16_of(room),
                &raw mut length,
                &raw mut kind,
                &raw mut size,
                null_mut(),
                null_mut(),
            )
        };
        if !is_good(done) {
            return Err(self.why());
        }
        // To its end, and not as long as told: see `miscounts`.
        let units = name.chunks_exact(speech.unit_bytes());
        let end = units.take_while(|it| it.iter().any(|byte| *byte != 0)).count().min(room - 1);
        name.truncate(end * speech.unit_bytes());
        let name = speech.heard(&name);
        let name = name.ok_or_else(|| own_failure("a column's name is not in `charset`"))?;
        Ok((name, kind, size))
    }

    /// Goes to the next row; `false` behind the last.
    pub(super) fn next_row(&mut self) -> Result<bool, Failure> {
        // SAFETY: the statement is live.
        match unsafe { (self.manager().fetch)(self.handle) } {
            NO_DATA => Ok(false),
            done if is_good(done) => Ok(true),
            _ => Err(self.why()),
        }
    }

    pub(super) fn moment(&mut self, column: u16) -> Result<Option<Moment>, Failure> {
        let (mut moment, mut told) = (Moment::default(), 0);
        // SAFETY: a moment has the layout of SQL_TIMESTAMP_STRUCT, and its size is fixed.
        let done = unsafe {
            let to = (&raw mut moment).cast();
            (self.manager().get)(self.handle, column, C_MOMENT, to, 0, &raw mut told)
        };
        if !is_good(done) {
            return Err(self.why());
        }
        Ok((told != NULL).then_some(moment))
    }

    /// A text as the driver has it, at most so many bytes.
    pub(super) fn text(&mut self, column: u16, bytes_max: usize) -> Result<Value, Failure> {
        match self.connection.values {
            Speech::Wide => self.value(column, C_WIDE, 2, bytes_max),
            Speech::Narrow(_) => self.value(column, C_TEXT, 1, bytes_max),
        }
    }

    /// What is written in digits and signs alone.
    pub(super) fn plain(&mut self, column: u16, bytes_max: usize) -> Result<Value, Failure> {
        self.value(column, C_TEXT, 1, bytes_max)
    }

    pub(super) fn bytes(&mut self, column: u16, bytes_max: usize) -> Result<Value, Failure> {
        self.value(column, C_BYTES, 0, bytes_max)
    }

    /// Piece by piece; each piece of a text has an end of so many NULs.
    fn value(
        &mut self,
        column: u16,
        kind: i16,
        end: usize,
        bytes_max: usize,
    ) -> Result<Value, Failure> {
        let (mut all, mut piece) = (Vec::new(), vec![0_u8; PIECE_BYTES]);
        loop {
            let mut told = 0;
            // SAFETY: the piece is as long as told.
            let done = unsafe {
                let to = piece.as_mut_ptr().cast();
                let room = isize::try_from(PIECE_BYTES).unwrap_or(0);
                (self.manager().get)(self.handle, column, kind, to, room, &raw mut told)
            };
            match done {
                NO_DATA => return Ok(Value::Bytes(all)),
                done if !is_good(done) => return Err(self.why()),
                _ if told == NULL => return Ok(Value::Null),
                _ => {}
            }
            let room = PIECE_BYTES - end;
            let told = usize::try_from(told).unwrap_or(usize::MAX); // negative: the driver does not know
            all.extend_from_slice(piece.get(..told.min(room)).unwrap_or_default());
            if all.len() > bytes_max {
                return Ok(Value::TooLong);
            }
            if told <= room {
                return Ok(Value::Bytes(all));
            }
        }
    }

    fn why(&self) -> Failure {
        self.manager().why(STATEMENT, self.handle)
    }

    fn manager(&self) -> &Manager {
        self.connection.manager
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: it is live, and nothing was made from it.
        unsafe { (self.manager().free)(STATEMENT, self.handle) };
    }
}

fn symbol(library: *mut c_void, name: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: the library was loaded and never goes; the name ends in NUL.
    let at = unsafe { libc::dlsym(library, name.as_ptr()) };
    if at.is_null() { Err(loader_says()) } else { Ok(at) }
}

fn loader_says() -> String {
    // SAFETY: what it gives is a text of the loader's, valid until the loader is called again.
    let text = unsafe {
        let text = libc::dlerror();
        (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
    };
    readable(&text.unwrap_or_default())
}

/// What a program says to people, in whatever encoding: for a screen, not for a record.
fn readable(bytes: &[u8]) -> String {
    let strictly = [Charset::Utf8, Charset::Gb18030];
    let text = strictly.into_iter().find_map(|it| decode_strictly(bytes, it));
    text.unwrap_or_else(|| bytes.escape_ascii().to_string())
}

fn own_failure(text: &str) -> Failure {
    Failure { state: "HY000".to_owned(), native: 0, text: text.to_owned() }
}

fn number(value: u32) -> *mut c_void {
    std::ptr::without_provenance_mut(usize::try_from(value).unwrap_or(0))
}

fn i16_of(length: usize) -> i16 {
    i16::try_from(length).unwrap_or(i16::MAX)
}

const fn is_good(done: Return) -> bool {
    matches!(done, 0 | 1)
}

const LIBRARIES: [&CStr; 3] = [c"libodbc.so.2", c"libodbc.so.1", c"libodbc.so"];
const PIECE_BYTES: usize = 16 << 10;
const NAME_BYTES: usize = 1024;
const COMPLAINT_BYTES: usize = 4096;

const DRIVER_NAME: u16 = 6;
pub(super) const DBMS_NAME: u16 = 17;
pub(super) const DBMS_VERSION: u16 = 18;

const ENVIRONMENT: i16 = 1;
const CONNECTION: i16 = 2;
const STATEMENT: i16 = 3;
const NO_DATA: Return = 100;
const NULL: isize = -1;
const NO_PROMPT: u16 = 0;
const ODBC_VERSION: i32 = 200;
const ODBC_3: u32 = 3;
const ACCESS_MODE: i32 = 101;
const READ_ONLY: u32 = 1;
const LOGIN_TIMEOUT: i32 = 103;
const QUERY_TIMEOUT: i32 = 0;
const MAX_ROWS: i32 = 1;
const C_TEXT: i16 = 1;
const C_WIDE: i16 = -8;
const C_BYTES: i16 = -2;
const C_MOMENT: i16 = 93;
