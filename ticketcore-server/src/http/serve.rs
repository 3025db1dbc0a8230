//! From a listening socket to requests: connections, TLS, bounds, and stopping without losing anything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::pushed::Pushed;
use super::service::Service;
use super::streams::{Handed, Over, Streams};
use crate::config::Limits;

/// Streams that one HTTP/2 connection may have at once.
const STREAMS_MAX: u32 = 128;
/// Headers of one request at most.
const HEADERS_MAX: usize = 100;
/// A pause after the system would not give another connection: it has no file descriptors left, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` says so; then takes no more connections and gives requests under way their time.
///
/// # Errors
/// None: what goes wrong with one connection ends that one.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let builder = Arc::new(builder(&limits));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Who comes when it is full is closed at once: a queue would only make everybody wait.
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            service.metrics().connections_refused.inc();
            continue;
        };
        let _kept_alive = stream.set_nodelay(true);
        let (service, builder) = (Arc::clone(&service), Arc::clone(&builder));
        let (tls, stop) = (tls.clone(), stop.clone());
        let patience = Patience {
            head: Duration::from_millis(limits.head_timeout_ms),
            write: Duration::from_millis(limits.write_timeout_ms),
        };
        tokio::spawn(async move {
            let _room = permit;
            service.metrics().connections.inc();
            match tls {
                None => connection(stream, remote, &service, &builder, patience, stop).await,
                Some(tls) => match tokio::time::timeout(patience.head, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, remote, &service, &builder, patience, stop).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                    Err(_) => tracing::debug!("TLS took too long"),
                },
            }
            service.metrics().connections.dec();
        });
    }
    drop(listener);
    // Once every connection has ended, all the room is there again.
    let ended = room.acquire_many(u32::try_from(limits.connections_max).unwrap_or(u32::MAX));
    if tokio::time::timeout(Duration::from_millis(limits.shutdown_ms), ended).await.is_err() {
        tracing::warn!("connections were still open when the time to stop was over");
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let head_timeout = Duration::from_millis(limits.head_timeout_ms);
    builder
        .http1()
        // Without a timer the timeout would mean nothing.
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(HEADERS_MAX)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(head_timeout)
        .keep_alive_timeout(head_timeout);
    builder
}

/// How long a connection is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// Until something is asked.
    head: Duration,
    /// Until something is taken of what is sent.
    write: Duration,
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    remote: SocketAddr,
    service: &Arc<Service>,
    builder: &auto::Builder<TokioExecutor>,
    patience: Patience,
    mut stop: watch::Receiver<bool>,
) {
    let streams = Streams::new(patience.write, patience.head);
    let answering = {
        let (service, streams) = (Arc::clone(service), Arc::clone(&streams));
        service_fn(move |request: Request<Incoming>| {
            let service = Arc::clone(&service);
            let stream = (request.version() == Version::HTTP_2).then(|| streams.begin());
            async move {
                let response = service.answer(request, remote.ip()).await?;
                Ok::<_, Infallible>(response.map(|payload| Handed::new(payload, stream)))
            }
        })
    };
    let stream = Pushed::new(stream, patience.head, patience.write).telling(Arc::clone(&streams));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answering).into_owned());
    let stopped = async {
        // Whoever could say so is gone: that is as good.
        let _heard = stop.wait_for(|stop| *stop).await;
    };
    // The connection first: what it reads says whether the others matter.
    let over = tokio::select! {
        biased;
        ended = connection.as_mut() => Err(ended),
        () = stopped => Ok(None),
        over = streams.over() => Ok(Some(over)),
    };
    let ended = match over {
        Err(ended) => ended,
        Ok(Some(Over::Stuck)) => {
            tracing::debug!(%remote, "the reader of a connection does not read");
            return;
        }
        Ok(None) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        Ok(Some(Over::Idle)) => {
            // He is told to ask elsewhere, and what he has asked meanwhile is answered.
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(patience.write, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %remote, "a connection ended");
    }
}

/// Listens with room for a crowd that comes at once.
///
/// # Errors
/// If the address can't be had.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket =
        if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4_096)
}
