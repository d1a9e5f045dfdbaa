//! A browser as far as signing in needs one: it keeps cookies, and goes where it is sent one step at a time.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
};
use reqwest::{Client, Method, RequestBuilder, redirect};
use url::Url;

/// What is at the public name of a workload under test.
pub(crate) const SITE: &str = "http://contoso.example";

pub(crate) struct Browser {
    client: Client,
    /// Where the public name leads.
    workload: SocketAddr,
    /// Of each host.
    cookies: Mutex<HashMap<String, HashMap<String, String>>>,
    /// `Origin` of a form on the page that is open.
    origin: Mutex<String>,
}

/// An answer as a browser shows it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new(workload: SocketAddr) -> Self {
        crate::workload_server::client();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            client: client.build().unwrap(),
            workload,
            cookies: Mutex::default(),
            origin: Mutex::new(SITE.to_owned()),
        }
    }

    /// Where the public name leads from now on, as when another pod is chosen.
    pub(crate) fn lead_to(&mut self, workload: SocketAddr) {
        self.workload = workload;
    }

    /// The value of a cookie of the workload.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookie_of("contoso.example", name)
    }

    /// The value of a cookie of a host.
    pub(crate) fn cookie_of(&self, host: &str, name: &str) -> Option<String> {
        let all = self.cookies.lock().unwrap();
        all.get(host)?.get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        let mut all = self.cookies.lock().unwrap();
        let own = all.entry("contoso.example".to_owned()).or_default();
        own.insert(name.to_owned(), value.to_owned());
    }

    /// Opens an address, or a path of the workload.
    pub(crate) async fn get(&self, address: &str) -> Shown {
        self.ask(Method::GET, address, None).await
    }

    /// Sends a form of the page that is open.
    pub(crate) async fn post(&self, address: &str, form: &str) -> Shown {
        self.ask(Method::POST, address, Some(form)).await
    }

    async fn ask(&self, method: Method, address: &str, form: Option<&str>) -> Shown {
        let url = Url::parse(SITE).unwrap().join(address).unwrap();
        let mut request = self.request(method, &url).header(ACCEPT, "text/html");
        if let Some(form) = form {
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(ORIGIN, self.origin.lock().unwrap().clone())
                .body(form.to_owned());
        }
        self.show(&url, request).await
    }

    pub(crate) fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let mut to = url.clone();
        if url.as_str().starts_with(SITE) {
            to.set_host(Some("127.0.0.1")).unwrap();
            to.set_port(Some(self.workload.port())).unwrap();
        }
        let mut request = self.client.request(method, to).header(HOST, host(url));
        let all = self.cookies.lock().unwrap();
        let own = all.get(&host(url)).into_iter().flatten();
        let line: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        if !line.is_empty() {
            request = request.header(COOKIE, line.join("; "));
        }
        request
    }

    /// Sends a request, and takes in the cookies of the answer.
    pub(crate) async fn show(&self, url: &Url, request: RequestBuilder) -> Shown {
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        {
            let mut all = self.cookies.lock().unwrap();
            let own = all.entry(host(url)).or_default();
            for line in headers.get_all(SET_COOKIE) {
                let line = line.to_str().unwrap();
                let pair = line.split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                match value {
                    "" => own.remove(name),
                    value => own.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        let is = |name, value: &str| {
            let found = headers.get(name).and_then(|it| it.to_str().ok());
            found.is_some_and(|it| it.starts_with(value))
        };
        if is(CONTENT_TYPE, "text/html") {
            // Fetch, section 3.2: under this policy a form does not say where it is from, not even to its own site.
            *self.origin.lock().unwrap() = if is(REFERRER_POLICY, "no-referrer") {
                "null".to_owned()
            } else {
                url.origin().ascii_serialization()
            };
        }
        let location = headers.get(LOCATION).map(|it| it.to_str().unwrap());
        let location = location.map(|it| url.join(it).unwrap().to_string());
        Shown {
            status: response.status().as_u16(),
            location: location.unwrap_or_default(),
            headers,
            text: response.text().await.unwrap(),
        }
    }
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
