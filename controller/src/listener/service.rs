//! What each request is given on its way to the service: who sent it, from where, and on which connection.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use pgbelay_proto::identity::PeerIdentity;
use tonic::body::Body;
use tower::util::Oneshot;
use tower::{Service, ServiceExt as _};

use super::{ConnectionHandle, RemoteAddr};

/// What a listener can serve; `tonic::service::Routes` is one, and so is any tower service of its shape.
pub trait GrpcService:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Future + Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S> GrpcService for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
}

/// The service of one connection.
#[derive(Clone)]
pub(super) struct PerConnection<S> {
    pub(super) service: S,
    pub(super) identity: Option<Arc<PeerIdentity>>,
    pub(super) remote: RemoteAddr,
    pub(super) handle: ConnectionHandle,
    /// Whether there was a request yet.
    pub(super) has_called: Arc<AtomicBool>,
}

impl<S: GrpcService> hyper::service::Service<Request<Incoming>> for PerConnection<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Oneshot<S, Request<Body>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.has_called.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        if let Some(identity) = &self.identity {
            extensions.insert(Arc::clone(identity));
        }
        extensions.insert(self.remote);
        extensions.insert(self.handle.clone());
        self.service.clone().oneshot(request)
    }
}
