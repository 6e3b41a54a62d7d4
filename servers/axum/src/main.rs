//! Layer `axum`: a JSON endpoint as axum's documentation writes it, for reference: another language, a compiled
//! parser, router and serialiser, and one tokio worker thread, or one per core.
//!
//! axum-server HOST PORT THREADS, where 0 means one thread per core.

use std::{env, process};

use axum::{Json, Router, routing::post};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct User {
    id: u64,
    name: String,
    email: String,
}

/// Take a User, make a new one of it, and return that.
async fn user(Json(user): Json<User>) -> Json<User> {
    Json(User {
        id: user.id,
        name: user.name,
        email: user.email,
    })
}

async fn serve(host: &str, port: &str) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(format!("{host}:{port}")).await?;
    axum::serve(listener, Router::new().route("/", post(user))).await
}

fn main() {
    let [host, port, threads] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_else(|_| {
            eprintln!("usage: axum-server HOST PORT THREADS");
            process::exit(2)
        });
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match threads.parse() {
        Ok(0) => &mut runtime,
        Ok(count) => runtime.worker_threads(count),
        Err(error) => {
            eprintln!("axum: THREADS must be a number, not {threads:?}: {error}");
            process::exit(2)
        }
    };
    let runtime = runtime
        .enable_io()
        .build()
        .expect("tokio starts its threads");
    if let Err(error) = runtime.block_on(serve(&host, &port)) {
        eprintln!("axum: cannot listen on {host}:{port}: {error}");
        process::exit(1)
    }
}
