//! Who may come in.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::http::fixture::{Fixture, alert, read};
use crate::keys::Token;

struct Guarded {
    fixture: Fixture,
    token: Token,
}

impl Guarded {
    fn new() -> Self {
        let token = Token::generate().unwrap();
        let fixture = Fixture::with(&format!("[http]\ntoken_hashes = ['{}']\n", token.hash()));
        Self { fixture, token }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(self.fixture.send(request.body(Body::from(body.to_owned())).unwrap()).await).await
    }

    /// The cookie of a session.
    async fn login(&self) -> String {
        let body = format!("token={}&next=%2Fhealth", self.token.reveal());
        let request = Request::post("/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        let response = self.fixture.send(request).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "/health");
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn with_tokens_configured_nothing_but_probes_is_open() {
    let guarded = Guarded::new();
    for path in ["/v1/alerts", "/v1/stream", "/metrics", "/v1/engine", "/live", "/v1/nowhere"] {
        let (status, body) = guarded.ask(Method::GET, path, &[], "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(body.contains("driftwatch token"), "{body}");
    }
    let (status, _) = guarded.ask(Method::POST, "/v1/events", &[], "{}").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let bearer = format!("Bearer {}", guarded.token.reveal());
    for path in ["/v1/alerts", "/metrics", "/"] {
        let (status, _) = guarded.ask(Method::GET, path, &[("authorization", &bearer)], "").await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
    let (status, _) = guarded.ask(Method::POST, "/v1/events", &[("authorization", "Bearer wrong")], "{}").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    guarded.fixture.app.sources().register("kafka:secret");
    for path in ["/healthz", "/readyz", "/openapi.json", "/login"] {
        let (status, body) = guarded.ask(Method::GET, path, &[], "").await;
        assert!(status != StatusCode::UNAUTHORIZED && !status.is_redirection(), "{path}: {status}");
        assert!(!body.contains("kafka:secret"), "{body}");
    }
}

#[tokio::test]
async fn a_person_signs_in_settles_and_signs_out() {
    let guarded = Guarded::new();
    guarded.fixture.alert(alert(1));
    let page = guarded.fixture.send(Request::get("/alerts/alt_1?x=y").body(Body::empty()).unwrap()).await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.headers()[header::LOCATION], "/login?next=%2Falerts%2Falt_1%3Fx%3Dy");
    let wrong = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let (status, body) = guarded.ask(Method::POST, "/login", &wrong, "token=wrong").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("not valid"));

    let cookie = guarded.login().await;
    let own = [
        ("cookie", &*cookie),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let verdict = format!("/alerts/alt_{:032x}/verdict", 1);
    let (status, _) = guarded.ask(Method::POST, &verdict, &own, "verdict=true&note=x").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = guarded.ask(Method::GET, &format!("/alerts/alt_{:032x}", 1), &own, "").await;
    let digits = &guarded.token.hash().to_string()["sha256:".len()..][..8];
    assert!(page.contains(&format!("token {digits}")), "the page names who settled it");

    let (status, _) = guarded.ask(Method::POST, "/logout", &own, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = guarded.ask(Method::GET, "/v1/alerts", &own, "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie_of_a_person() {
    let guarded = Guarded::new();
    guarded.fixture.alert(alert(1));
    let cookie = guarded.login().await;
    let verdict = format!("/alerts/alt_{:032x}/verdict", 1);
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("x", "y"),
    ] {
        let headers = [
            ("cookie", &*cookie),
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "dw.example"),
            foreign,
        ];
        let (status, body) = guarded.ask(Method::POST, &verdict, &headers, "verdict=true").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{foreign:?}");
        assert!(body.contains("foreign-origin"), "{body}");
    }
    assert_eq!(
        guarded
            .fixture
            .app
            .read(|c| c.query_row("SELECT count(*) FROM audit", [], |r| r.get::<_, i64>(0)))
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn without_tokens_only_names_of_this_machine_are_answered() {
    let fixture = Fixture::new();
    for (host, status) in [("127.0.0.1:8321", 200), ("localhost:8321", 200), ("rebound.example:8321", 403)] {
        let request = Request::get("/v1/alerts").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(fixture.send(request).await.status().as_u16(), status, "{host}");
    }
    let foreign =
        Request::post("/v1/brake/release").header("host", "127.0.0.1:1").header("origin", "https://evil.example");
    assert_eq!(fixture.send(foreign.body(Body::empty()).unwrap()).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_part_of_a_page_is_told_to_reload_the_whole_when_the_session_is_over() {
    let guarded = Guarded::new();
    let request = Request::get("/?state=all").header("hx-request", "true").body(Body::empty()).unwrap();
    let response = guarded.fixture.send(request).await;
    assert_eq!(response.headers()["hx-redirect"], "/login?next=%2F%3Fstate%3Dall");
}
