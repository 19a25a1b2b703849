//! The limit of an HTTP server: hyper, bare, answering each body with itself.
//!
//! It is a process of its own, as the agent is: the benchmark starts itself once more.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::daemon::free_ports;
use crate::process::Process;

/// Makes the benchmark an echo; the port follows.
pub(crate) const ARGUMENT: &str = "--echo";

/// A running echo.
#[derive(Debug)]
pub(crate) struct Echo {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Echo {
    pub(crate) fn start() -> Echo {
        let [port] = free_ports();
        let own = std::env::current_exe().expect("the benchmark is a file");
        let mut process = Process::spawn(Command::new(own).args([ARGUMENT, &port.to_string()]));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(!process.has_ended() && Instant::now() < deadline, "the echo does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        Echo { process, address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Answers until it is killed.
#[tokio::main]
pub(crate) async fn serve(port: &str) {
    let port: u16 = port.parse().expect("a port is a number");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free");
    loop {
        let (stream, _) = listener.accept().await.expect("there are descriptors enough");
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    let delivered_at_once = stream.set_nodelay(true);
    let serving =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)).await;
    // The caller closes when its load is over; nothing else can happen here.
    drop((delivered_at_once, serving));
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    Ok(Response::new(Full::new(body)))
}
