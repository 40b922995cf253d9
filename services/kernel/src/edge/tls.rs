//! TLS whose certificate can be replaced while connections live.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::Error;

const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Certificate and key from files, read again when the files change.
#[derive(Clone)]
pub struct ReloadingTls {
    current: Arc<RwLock<Arc<rustls::ServerConfig>>>,
}

impl ReloadingTls {
    /// Reads the files, and watches them from then on.
    ///
    /// # Errors
    /// If they cannot be read or do not belong together.
    pub fn from_files(certificate: PathBuf, key: PathBuf) -> Result<Self, Error> {
        let current = Arc::new(RwLock::new(load(&certificate, &key)?));
        let weak = Arc::downgrade(&current);
        tokio::spawn(async move {
            let mut seen = changed_at(&certificate);
            while let Some(current) = weak.upgrade() {
                let now = changed_at(&certificate);
                if now != seen {
                    match load(&certificate, &key) {
                        Ok(config) => {
                            if let Ok(mut current) = current.write() {
                                *current = config;
                            }
                            seen = now;
                            tracing::info!("certificate reloaded");
                        }
                        Err(error) => tracing::error!(%error, "certificate not reloaded; the old one stays"),
                    }
                }
                drop(current);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Ok(Self { current })
    }

    /// An acceptor with the certificate of this moment.
    pub fn acceptor(&self) -> Option<TlsAcceptor> {
        self.current
            .read()
            .ok()
            .map(|config| TlsAcceptor::from(Arc::clone(&config)))
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<rustls::ServerConfig>, Error> {
    let message = "the certificate or its key cannot be used";
    let fault = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::failed_precondition("BAD_CERTIFICATE", message).caused_by(cause)
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|e| fault(e.into()))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|e| fault(e.into()))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| fault(e.into()))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(|e| fault(e.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
