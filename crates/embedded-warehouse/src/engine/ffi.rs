//! The engine's C interface: the one place with `unsafe`.
//!
//! The library is loaded at run time, so the build needs neither its header nor a C compiler. Every handle of the C
//! interface is owned by one Rust value that destroys it on drop; a stream borrows its connection mutably, because a
//! connection runs one statement at a time. No function of the interface throws: errors come back as texts in handles.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use libloading::Library;

use crate::exception::Exception;

/// `chdb_connection`, `chdb_result *` and `chdb_insert_stream` are opaque pointers.
type Handle = *mut c_void;
type Text = *const c_char;
/// A statement, a format and parameters, each text with its length; the `_n` functions all look like this.
type Run = unsafe extern "C" fn(
    Handle,
    Text,
    usize,
    Text,
    usize,
    *const Text,
    *const usize,
    *const Text,
    *const usize,
    usize,
) -> Handle;

/// Declares the table of functions and how it is filled, so that a name and its type stand in one line.
macro_rules! api {
    ($($field:ident: $name:literal $type:ty;)*) => {
        struct Api {
            $($field: $type,)*
            /// Keeps the code mapped, for ever: threads of ours have destructors in it that run when they end, and its
            /// own threads may outlive every handle.
            _library: ManuallyDrop<Library>,
        }

        impl Api {
            fn resolve(library: Library) -> Result<Self, libloading::Error> {
                // SAFETY: each type is the declaration of that name in chdb.h of the pinned version; the pointers are
                // copied out of the library, which lives as long as they do, in the same struct.
                $(let $field = unsafe { *library.get::<$type>($name.to_bytes_with_nul())? };)*
                Ok(Self { $($field,)* _library: ManuallyDrop::new(library) })
            }
        }
    };
}

api! {
    version: c"chdb_version" unsafe extern "C" fn() -> Text;
    set_signal_handlers_enabled: c"chdb_set_signal_handlers_enabled" unsafe extern "C" fn(c_int);
    connect: c"chdb_connect" unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle;
    close: c"chdb_close_conn" unsafe extern "C" fn(*mut Handle);
    query: c"chdb_query_with_params_n" Run;
    stream_query: c"chdb_stream_query_with_params_n" Run;
    stream_fetch: c"chdb_stream_fetch_result" unsafe extern "C" fn(Handle, Handle) -> Handle;
    stream_cancel: c"chdb_stream_cancel_query" unsafe extern "C" fn(Handle, Handle);
    insert: c"chdb_stream_insert_with_params_n" Run;
    insert_append: c"chdb_stream_append" unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int;
    insert_done: c"chdb_stream_done" unsafe extern "C" fn(Handle) -> Handle;
    insert_error: c"chdb_stream_insert_error" unsafe extern "C" fn(Handle) -> Text;
    insert_destroy: c"chdb_destroy_insert_stream" unsafe extern "C" fn(Handle);
    result_destroy: c"chdb_destroy_query_result" unsafe extern "C" fn(Handle);
    result_error: c"chdb_result_error" unsafe extern "C" fn(Handle) -> Text;
    result_buffer: c"chdb_result_buffer" unsafe extern "C" fn(Handle) -> *const u8;
    result_length: c"chdb_result_length" unsafe extern "C" fn(Handle) -> usize;
    result_rows: c"chdb_result_rows_read" unsafe extern "C" fn(Handle) -> u64;
    result_bytes: c"chdb_result_bytes_read" unsafe extern "C" fn(Handle) -> u64;
    read_rows: c"chdb_result_storage_rows_read" unsafe extern "C" fn(Handle) -> u64;
    read_bytes: c"chdb_result_storage_bytes_read" unsafe extern "C" fn(Handle) -> u64;
    written_rows: c"chdb_result_rows_written" unsafe extern "C" fn(Handle) -> u64;
    written_bytes: c"chdb_result_bytes_written" unsafe extern "C" fn(Handle) -> u64;
}

/// What a statement read and wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read_rows += other.read_rows;
        self.read_bytes += other.read_bytes;
        self.written_rows += other.written_rows;
        self.written_bytes += other.written_bytes;
        self.result_rows += other.result_rows;
        self.result_bytes += other.result_bytes;
    }
}

/// The loaded engine library.
#[derive(Clone)]
pub(crate) struct EngineLibrary {
    api: Arc<Api>,
}

impl EngineLibrary {
    /// Loads the library and switches its signal handlers off.
    pub(crate) fn load(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: loading runs the library's initialisers; it is the pinned engine, verified when it was fetched.
        let library = unsafe { Library::new(path)? };
        let api = Api::resolve(library)?;
        // SAFETY: no connection exists yet, which is when the function wants to be called.
        unsafe { (api.set_signal_handlers_enabled)(0) };
        Ok(Self { api: Arc::new(api) })
    }

    /// Returns the library's version, for example `26.7.3`.
    pub(crate) fn version(&self) -> String {
        // SAFETY: the function returns a static text.
        unsafe { text((self.api.version)()) }.unwrap_or_default()
    }

    /// Opens a connection; the first one boots the engine. The engine does not say why it refuses.
    pub(crate) fn connect(&self, arguments: &[String]) -> Option<Connection> {
        let mut owned = vec![CString::from(c"clickhouse")];
        for argument in arguments {
            owned.push(CString::new(argument.as_str()).ok()?);
        }
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).ok()?;
        // SAFETY: `count` valid C texts that outlive the call; the engine copies them.
        let handle = unsafe { (self.api.connect)(count, pointers.as_mut_ptr()) };
        NonNull::new(handle).map(|handle| Connection { api: Arc::clone(&self.api), handle })
    }
}

/// A connection: one statement at a time.
pub(crate) struct Connection {
    api: Arc<Api>,
    handle: NonNull<Handle>,
}

// SAFETY: the engine locks a mutex of the connection in each call and binds nothing to the calling thread.
unsafe impl Send for Connection {}

impl Connection {
    fn raw(&self) -> Handle {
        // SAFETY: the pointer came from `chdb_connect` and is closed on drop only.
        unsafe { *self.handle.as_ptr() }
    }

    fn run(&self, function: Run, sql: &str, format: &str, parameters: &Parameters) -> Handle {
        let p = parameters.pointers();
        // SAFETY: every pointer is valid for its length during the call; the engine copies what it keeps.
        unsafe {
            function(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                p.names.as_ptr(),
                p.name_lengths.as_ptr(),
                p.values.as_ptr(),
                p.value_lengths.as_ptr(),
                p.names.len(),
            )
        }
    }

    /// Runs a statement and keeps its whole answer in memory.
    pub(crate) fn query(&mut self, sql: &str, format: &str, parameters: &Parameters) -> Result<QueryResult, Exception> {
        let handle = self.run(self.api.query, sql, format, parameters);
        QueryResult { api: Arc::clone(&self.api), handle }.checked()
    }

    /// Starts a `SELECT` whose answer comes block by block.
    pub(crate) fn stream(
        &mut self,
        sql: &str,
        format: &str,
        parameters: &Parameters,
    ) -> Result<SelectStream<'_>, Exception> {
        let handle = self.run(self.api.stream_query, sql, format, parameters);
        let result = QueryResult { api: Arc::clone(&self.api), handle }.checked()?;
        Ok(SelectStream { connection: self, result, finished: false })
    }

    /// Starts an `INSERT` whose data follows; the statement has neither a FORMAT clause nor data.
    pub(crate) fn insert(
        &mut self,
        sql: &str,
        format: &str,
        parameters: &Parameters,
    ) -> Result<InsertStream<'_>, Exception> {
        let handle = self.run(self.api.insert, sql, format, parameters);
        let stream = InsertStream { connection: self, handle };
        match stream.error() {
            None => Ok(stream),
            Some(error) => Err(error),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and this is its last use.
        unsafe { (self.api.close)(self.handle.as_ptr()) };
    }
}

/// A statement's answer, or one block of it.
pub(crate) struct QueryResult {
    api: Arc<Api>,
    handle: Handle,
}

// SAFETY: the result is a plain buffer that nobody writes once it is returned.
unsafe impl Send for QueryResult {}
// SAFETY: as above; all accessors only read.
unsafe impl Sync for QueryResult {}

impl QueryResult {
    fn checked(self) -> Result<Self, Exception> {
        // SAFETY: the handle is valid until drop; the text lives in the result and is copied here.
        match unsafe { text((self.api.result_error)(self.handle)) } {
            None => Ok(self),
            Some(error) => Err(Exception::from_engine(&error)),
        }
    }

    /// Tells what was read and written.
    pub(crate) fn counts(&self) -> Counts {
        let (api, handle) = (&self.api, self.handle);
        // SAFETY: accessors of a valid result.
        unsafe {
            Counts {
                read_rows: (api.read_rows)(handle),
                read_bytes: (api.read_bytes)(handle),
                written_rows: (api.written_rows)(handle),
                written_bytes: (api.written_bytes)(handle),
                result_rows: (api.result_rows)(handle),
                result_bytes: (api.result_bytes)(handle),
            }
        }
    }
}

impl AsRef<[u8]> for QueryResult {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the buffer belongs to the result, has this length and does not change.
        unsafe {
            let start = (self.api.result_buffer)(self.handle);
            if start.is_null() { &[] } else { std::slice::from_raw_parts(start, (self.api.result_length)(self.handle)) }
        }
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and this is its last use; the function accepts null.
        unsafe { (self.api.result_destroy)(self.handle) };
    }
}

/// A running `SELECT`; dropping it before its end cancels it.
pub(crate) struct SelectStream<'c> {
    connection: &'c mut Connection,
    result: QueryResult,
    finished: bool,
}

impl SelectStream<'_> {
    /// Waits for the next block; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<QueryResult>, Exception> {
        let api = Arc::clone(&self.connection.api);
        // SAFETY: both handles are valid, and the mutable borrow serialises calls on the connection.
        let handle = unsafe { (api.stream_fetch)(self.connection.raw(), self.result.handle) };
        let block = QueryResult { api, handle }.checked().inspect_err(|_| self.finished = true)?;
        self.finished = block.as_ref().is_empty();
        Ok((!self.finished).then_some(block))
    }
}

impl Drop for SelectStream<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // SAFETY: both handles are valid; the result itself is destroyed by its own drop afterwards.
            unsafe { (self.connection.api.stream_cancel)(self.connection.raw(), self.result.handle) };
        }
    }
}

/// A running `INSERT`; dropping it without [`InsertStream::finish`] cancels it. Blocks already flushed stay.
pub(crate) struct InsertStream<'c> {
    connection: &'c mut Connection,
    handle: Handle,
}

impl InsertStream<'_> {
    fn error(&self) -> Option<Exception> {
        // SAFETY: the handle is valid; the text is copied at once.
        let text = unsafe { text((self.connection.api.insert_error)(self.handle)) }?;
        Some(Exception::from_engine(&text))
    }

    /// Gives the engine more data; waits while the engine is behind.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: the bytes are valid during the call and copied by it.
        let state = unsafe { (self.connection.api.insert_append)(self.handle, data.as_ptr().cast(), data.len()) };
        if state == 0 {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| Exception::from_engine("the engine stopped reading the data of the insert")))
    }

    /// Ends the data and waits until the rows are committed.
    pub(crate) fn finish(self) -> Result<Counts, Exception> {
        let api = Arc::clone(&self.connection.api);
        // SAFETY: the handle is valid; the stream itself is destroyed by drop.
        let handle = unsafe { (api.insert_done)(self.handle) };
        Ok(QueryResult { api, handle }.checked()?.counts())
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and this is its last use; it cancels an insert that is not finished.
        unsafe { (self.connection.api.insert_destroy)(self.handle) };
    }
}

/// Query parameters: values for `{name:Type}`, bound by the engine and never part of the text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

struct Pointers {
    names: Vec<Text>,
    name_lengths: Vec<usize>,
    values: Vec<Text>,
    value_lengths: Vec<usize>,
}

impl Parameters {
    /// Adds a value; a later one of the same name wins.
    pub(crate) fn push(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// Returns the values of a name.
    pub(crate) fn values<'p>(&'p self, name: &'p [u8]) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(given, _)| given.as_bytes() == name).map(|(_, value)| value.as_str())
    }

    fn pointers(&self) -> Pointers {
        let list = &self.0;
        Pointers {
            names: list.iter().map(|(name, _)| name.as_ptr().cast()).collect(),
            name_lengths: list.iter().map(|(name, _)| name.len()).collect(),
            values: list.iter().map(|(_, value)| value.as_ptr().cast()).collect(),
            value_lengths: list.iter().map(|(_, value)| value.len()).collect(),
        }
    }
}

/// Copies a C text; `None` for null.
///
/// # Safety
///
/// The pointer is null or a text that ends in a zero byte.
unsafe fn text(pointer: Text) -> Option<String> {
    // SAFETY: as the caller promises.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
