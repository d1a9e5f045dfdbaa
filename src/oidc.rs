//! OpenID Connect as values. As a relying party sees it: what a provider says of itself, the request, its answer, the ID token. As a
//! provider sees it: the request of an application.

pub mod authentication_request;
pub mod authorization;
pub mod id_token;
pub mod logout_token;
pub mod provider;
pub mod token_response;
