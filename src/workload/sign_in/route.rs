//! The endpoints of this part.

use axum::http::Method;

use super::forward_auth::Shape;
use super::pages;
use crate::config::Token;

/// An endpoint of this part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Route {
    /// Where signing in begins: the user name, or the choice among several connectors.
    Choose,
    /// Where a password is presented.
    Password,
    /// Where a code of the second factor is presented.
    SecondFactor,
    /// Where a passkey is asked for and presented.
    Passkey,
    /// Where a link for a forgotten password is asked for.
    Forgotten,
    /// The link by which a password is set.
    SetPassword(Token),
    /// The way to the provider of this connector.
    Begin(String),
    /// The way back from it.
    Callback(String),
    /// The provider of this connector ends sessions.
    Logout(String),
    /// Who is signed in.
    SignedIn,
    /// The page of who is signed in.
    Account,
    /// The profile photo of who is signed in.
    Photo,
    /// The end of sessions of the person who asks.
    EndSessions,
    /// The end of what an application has of the person who asks.
    EndApplication,
    /// Another password for the person who asks.
    ChangePassword,
    /// The second factor of the person who asks.
    ChangeSecondFactor,
    /// The passkeys of the person who asks.
    ChangePasskeys,
    /// The question whether to sign out, and the answer yes.
    SignOut,
    /// That nobody is signed in any more.
    SignedOut,
    /// The style sheet.
    Style,
    /// The script that asks the browser for a passkey.
    Script,
    /// An application asks who it is.
    Authorize,
    /// An application signs somebody out.
    EndSession,
    /// Where a device is let in that shows a code.
    Device,
    /// A proxy asks.
    ForwardAuth(Shape),
}

impl Route {
    /// The endpoint at `rest`, a path behind the prefix of a directory.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let path = rest.strip_prefix('/')?;
        let (first, further) = path.split_once('/').unwrap_or((path, ""));
        let is_alone = !path.contains('/');
        match first {
            "sign-in" if path == "sign-in" => Some(Self::Choose),
            "sign-in" if further == pages::style_name() => Some(Self::Style),
            "sign-in" if further == pages::script_name() => Some(Self::Script),
            "sign-in" => match further.split_once('/') {
                None if !further.is_empty() => Some(Self::Begin(further.to_owned())),
                Some((connector, "callback")) => Some(Self::Callback(connector.to_owned())),
                Some((connector, "logout")) => Some(Self::Logout(connector.to_owned())),
                None | Some(_) => None,
            },
            "password" if is_alone => Some(Self::Password),
            "passkey" if is_alone => Some(Self::Passkey),
            "second-factor" if is_alone => Some(Self::SecondFactor),
            "forgotten-password" if is_alone => Some(Self::Forgotten),
            "set-password" if !further.is_empty() && !further.contains('/') => {
                Some(Self::SetPassword(Token::presented(further)))
            }
            "account" if is_alone => Some(Self::Account),
            "account" if further == "photo" => Some(Self::Photo),
            "account" if further == "sessions" => Some(Self::EndSessions),
            "account" if further == "applications" => Some(Self::EndApplication),
            "account" if further == "password" => Some(Self::ChangePassword),
            "account" if further == "passkeys" => Some(Self::ChangePasskeys),
            "account" if further == "second-factor" => Some(Self::ChangeSecondFactor),
            "signed-in" if is_alone => Some(Self::SignedIn),
            "sign-out" if is_alone => Some(Self::SignOut),
            "signed-out" if is_alone => Some(Self::SignedOut),
            "oauth2" if further == "authorize" => Some(Self::Authorize),
            "oauth2" if further == "sign-out" => Some(Self::EndSession),
            "device" if is_alone => Some(Self::Device),
            "auth-request" if is_alone => Some(Self::ForwardAuth(Shape::AuthRequest)),
            "forward-auth" if is_alone => Some(Self::ForwardAuth(Shape::ForwardAuth)),
            // Envoy puts the path of the request behind it.
            "ext-authz" => Some(Self::ForwardAuth(Shape::ExtAuthz)),
            _ => None,
        }
    }

    /// Its name in logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Choose => "/sign-in",
            Self::Password => "/password",
            Self::SecondFactor => "/second-factor",
            Self::Passkey => "/passkey",
            Self::Forgotten => "/forgotten-password",
            Self::SetPassword(_) => "/set-password/{link}",
            Self::Begin(_) => "/sign-in/{connector}",
            Self::Callback(_) => "/sign-in/{connector}/callback",
            Self::Logout(_) => "/sign-in/{connector}/logout",
            Self::SignedIn => "/signed-in",
            Self::Account => "/account",
            Self::Photo => "/account/photo",
            Self::EndSessions => "/account/sessions",
            Self::EndApplication => "/account/applications",
            Self::ChangePassword => "/account/password",
            Self::ChangeSecondFactor => "/account/second-factor",
            Self::ChangePasskeys => "/account/passkeys",
            Self::SignOut => "/sign-out",
            Self::SignedOut => "/signed-out",
            Self::Style => "/sign-in/style.css",
            Self::Script => "/sign-in/passkey.js",
            Self::Authorize => "/oauth2/authorize",
            Self::EndSession => "/oauth2/sign-out",
            Self::Device => "/device",
            Self::ForwardAuth(Shape::AuthRequest) => "/auth-request",
            Self::ForwardAuth(Shape::ForwardAuth) => "/forward-auth",
            Self::ForwardAuth(Shape::ExtAuthz) => "/ext-authz",
        }
    }

    /// The methods that it understands.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::EndSessions
            | Self::EndApplication
            | Self::ChangePassword
            | Self::ChangeSecondFactor
            | Self::ChangePasskeys => "POST",
            Self::Logout(_) => "GET, POST",
            Self::Choose
            | Self::Password
            | Self::SecondFactor
            | Self::Passkey
            | Self::Forgotten
            | Self::SetPassword(_)
            | Self::SignOut
            | Self::Authorize
            | Self::EndSession
            | Self::Device => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        match self {
            // A proxy asks by the method of the request that it is about.
            Self::ForwardAuth(_) => true,
            _ => self.methods().split(", ").any(|it| it == method.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_by_its_path() {
        let check = |path: &str, expected: Option<&str>| {
            let found = Route::parse(path);
            assert_eq!(found.as_ref().map(Route::name), expected, "{path}");
        };
        check("/sign-in", Some("/sign-in"));
        check("/sign-in/entra", Some("/sign-in/{connector}"));
        check(
            "/sign-in/entra/callback",
            Some("/sign-in/{connector}/callback"),
        );
        let style = format!("/sign-in/{}", pages::style_name());
        check(&style, Some("/sign-in/style.css"));
        check("/sign-in/entra/logout", Some("/sign-in/{connector}/logout"));
        check("/signed-in", Some("/signed-in"));
        check("/password", Some("/password"));
        check("/forgotten-password", Some("/forgotten-password"));
        check("/account", Some("/account"));
        check("/account/photo", Some("/account/photo"));
        check("/account/sessions", Some("/account/sessions"));
        check("/account/password", Some("/account/password"));
        check("/account/applications", Some("/account/applications"));
        check("/account/second-factor", Some("/account/second-factor"));
        check("/second-factor", Some("/second-factor"));
        check("/passkey", Some("/passkey"));
        check("/account/passkeys", Some("/account/passkeys"));
        let script = format!("/sign-in/{}", pages::script_name());
        check(&script, Some("/sign-in/passkey.js"));
        check("/set-password/usher_x", Some("/set-password/{link}"));
        check("/sign-out", Some("/sign-out"));
        check("/signed-out", Some("/signed-out"));
        check("/oauth2/authorize", Some("/oauth2/authorize"));
        check("/oauth2/sign-out", Some("/oauth2/sign-out"));
        check("/oauth2/token", None);
        check("/device", Some("/device"));
        check("/device/x", None);
        check("/auth-request", Some("/auth-request"));
        check("/forward-auth", Some("/forward-auth"));
        check("/ext-authz", Some("/ext-authz"));
        check("/ext-authz/scim/v2/Users", Some("/ext-authz"));
        for other in [
            "/",
            "/sign-in/",
            "/sign-in/entra/",
            "/sign-in/entra/other",
            "/sign-in/entra/callback/more",
            "/sign-out/",
            "/password/x",
            "/forgotten-password/x",
            "/set-password",
            "/set-password/",
            "/set-password/x/y",
            "/account/",
            "/account/other",
            "/forward-auth/x",
            "/scim/v2/Users/sign-in",
            "sign-in",
        ] {
            check(other, None);
        }
    }
}
