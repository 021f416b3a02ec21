using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Federation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>The endpoints of <see cref="StandInGoogle"/>.</summary>
internal sealed class GoogleSignIn(StandInGoogle google)
{
    private const int AccessTokenSeconds = 3599;
    private static readonly string[] RequiredScopes = ["openid", "email", "profile"];

    private readonly ConcurrentDictionary<string, Grant> _codes = [];
    private readonly ConcurrentDictionary<string, Grant> _accessTokens = [];
    private readonly ConcurrentDictionary<string, Grant> _refreshTokens = [];

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/o/oauth2/v2/auth", (HttpRequest request) => Authorize(request.Query));
        app.MapPost("/signin/identifier", async (HttpRequest request) => SignIn(await request.ReadFormAsync()));
        app.MapPost("/token", async (HttpRequest request) => Token(await request.ReadFormAsync()));
        app.MapGet("/oauth2/v3/userinfo", (HttpRequest request) => UserInfo(request.Headers.Authorization.ToString()));
        app.MapGet("/oauth2/v3/certs", google.Keys.Publish);
    }

    private IResult Authorize(IQueryCollection query)
    {
        var problem = query["client_id"] != StandInGoogle.ClientId ? "invalid_client"
            : !Uri.TryCreate(query["redirect_uri"], UriKind.Absolute, out _) ? "redirect_uri_mismatch"
            : query["response_type"] != "code" ? "unsupported_response_type"
            : !HasScopes(query["scope"]) ? "invalid_scope"
            : string.IsNullOrEmpty(query["state"]) ? "invalid_request: state"
            : query["code_challenge_method"] != "S256" || query["code_challenge"].ToString().Length != 43 ? "invalid_request: code_challenge"
            : null;
        if (problem is not null)
        {
            // Google shows its own page, and does not send the browser back.
            return Results.Content($"<!doctype html><title>Error 400</title><h1>Access blocked</h1><p>Error 400: {problem}</p>", "text/html", Encoding.UTF8, 400);
        }

        return google.AutoSubmit ? Answer(query.ToDictionary(p => p.Key, p => p.Value.ToString()), google.SignedIn) : SignInPage(query);
    }

    private static bool HasScopes(string? scope) => scope?.Split(' ') is { } scopes && RequiredScopes.All(scopes.Contains);

    private static IResult SignInPage(IQueryCollection query)
    {
        var hidden = string.Concat(query.Select(parameter =>
            $"""<input type="hidden" name="{WebUtility.HtmlEncode(parameter.Key)}" value="{WebUtility.HtmlEncode(parameter.Value)}">"""));
        var loginHint = WebUtility.HtmlEncode(query["login_hint"]);
        return Results.Content($"""
            <!doctype html>
            <html lang="en">
            <title>Sign in - Stand-in Google</title>
            <h1>Sign in</h1>
            <form method="post" action="/signin/identifier">
              {hidden}
              <label>Sign in as <input type="email" name="email" value="{loginHint}" required></label>
              <button>Continue</button>
            </form>
            </html>
            """, "text/html", Encoding.UTF8);
    }

    private IResult SignIn(IFormCollection form) => Answer(form.ToDictionary(p => p.Key, p => p.Value.ToString()), form["email"]);

    private IResult Answer(Dictionary<string, string> request, string? email)
    {
        var response = new Dictionary<string, string?> { ["state"] = request["state"] };
        if (google.Failure == GoogleFailure.AccessDenied)
        {
            response["error"] = "access_denied";
        }
        else if (google.Find(email) is { } account)
        {
            var code = "4/" + NewSecret();
            _codes[code] = new Grant(account, request["redirect_uri"], request["code_challenge"], request["scope"],
                request.GetValueOrDefault("nonce"), request.GetValueOrDefault("access_type") == "offline");
            (response["code"], response["scope"], response["authuser"]) = (code, request["scope"], "0");
        }
        else
        {
            return Results.Content("<!doctype html><title>Sign in</title><p>Couldn't find your Google Account</p>", "text/html", Encoding.UTF8);
        }

        return Results.Redirect(QueryHelpers.AddQueryString(request["redirect_uri"], response));
    }

    private IResult Token(IFormCollection form)
    {
        switch (google.Failure)
        {
            case GoogleFailure.TokenInvalidGrant:
                return Error("invalid_grant", "Bad Request");
            case GoogleFailure.TokenRedirectUriMismatch:
                return Error("redirect_uri_mismatch", "Bad Request");
            case GoogleFailure.TokenInvalidClient:
                return Error("invalid_client", "The OAuth client was not found.", 401);
            case GoogleFailure.TokenUnavailable:
                return Results.Content("<html><title>Error 503 (Service Unavailable)!!1</title></html>", "text/html", statusCode: 503);
            case GoogleFailure.TokenNotJson:
                return Results.Content("<html><title>Sign in to the hotel's network</title></html>", "text/html");
        }

        if (form["client_id"] != StandInGoogle.ClientId || form["client_secret"] != StandInGoogle.ClientSecret)
        {
            return Error("invalid_client", form["client_id"] == StandInGoogle.ClientId ? "Unauthorized" : "The OAuth client was not found.", 401);
        }

        return form["grant_type"].ToString() switch
        {
            "authorization_code" => Redeem(form),
            "refresh_token" => Refresh(form["refresh_token"].ToString()),
            var other => Error("unsupported_grant_type", $"Invalid grant_type: {other}"),
        };
    }

    private IResult Redeem(IFormCollection form)
    {
        // Whoever comes first with a code has it, right or wrong.
        if (!_codes.TryRemove(form["code"].ToString(), out var grant))
        {
            return Error("invalid_grant", "Malformed auth code.");
        }

        if (form["redirect_uri"] != grant.RedirectUri)
        {
            return Error("redirect_uri_mismatch", "Bad Request");
        }

        var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString())));
        return challenge == grant.CodeChallenge
            ? Tokens(grant, grant.IsOffline ? NewSecret() : null)
            : Error("invalid_grant", "Invalid code verifier.");
    }

    private IResult Refresh(string refreshToken) => _refreshTokens.TryGetValue(refreshToken, out var grant)
        ? Tokens(grant, refreshToken: null)
        : Error("invalid_grant", "Token has been expired or revoked.");

    private IResult Tokens(Grant grant, string? refreshToken)
    {
        var accessToken = "ya29." + NewSecret();
        _accessTokens[accessToken] = grant;
        var answer = new Dictionary<string, object>
        {
            ["access_token"] = accessToken,
            ["expires_in"] = AccessTokenSeconds,
            ["scope"] = grant.Scope,
            ["token_type"] = "Bearer",
        };
        if (google.Failure != GoogleFailure.IdTokenMissing)
        {
            answer["id_token"] = IdToken(grant);
        }

        if (refreshToken is not null)
        {
            _refreshTokens[refreshToken] = grant;
            answer["refresh_token"] = refreshToken;
        }

        return Results.Json(answer);
    }

    private string IdToken(Grant grant)
    {
        var now = google.Clock.GetUtcNow().UtcDateTime;
        var claims = new Dictionary<string, object>(Claims(grant.Account)) { ["azp"] = StandInGoogle.ClientId };
        if (grant.Nonce is not null)
        {
            claims["nonce"] = google.Failure == GoogleFailure.IdTokenWithAnotherNonce ? "of another sign-in" : grant.Nonce;
        }

        if (grant.Account.SaysWhen)
        {
            claims["auth_time"] = new DateTimeOffset(now).ToUnixTimeSeconds();
        }

        using var stranger = RSA.Create(2048);
        var key = google.Failure == GoogleFailure.IdTokenSignedByAnother ? new RsaSecurityKey(stranger) { KeyId = google.Keys.Current.KeyId } : google.Keys.Current;
        var isExpired = google.Failure == GoogleFailure.IdTokenExpired;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = google.Failure == GoogleFailure.IdTokenOfAnotherIssuer ? "https://accounts.example" : "https://accounts.google.com",
            Audience = google.Failure == GoogleFailure.IdTokenForAnotherClient ? "another.apps.googleusercontent.com" : StandInGoogle.ClientId,
            IssuedAt = isExpired ? now.AddHours(-2) : now,
            NotBefore = isExpired ? now.AddHours(-2) : now,
            Expires = isExpired ? now.AddHours(-1) : now.AddHours(1),
            Claims = claims,
            SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.RsaSha256)
            {
                CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
            },
        });
    }

    private IResult UserInfo(string authorization)
    {
        switch (google.Failure)
        {
            case GoogleFailure.UserInfoUnavailable:
                return Results.StatusCode(503);
            case GoogleFailure.UserInfoUnauthorized:
                return Error("invalid_request", "Invalid Credentials", 401);
        }

        if (!authorization.StartsWith("Bearer ", StringComparison.Ordinal) || !_accessTokens.TryGetValue(authorization["Bearer ".Length..], out var grant))
        {
            return Error("invalid_request", "Invalid Credentials", 401);
        }

        var claims = Claims(grant.Account);
        if (google.Failure == GoogleFailure.UserInfoWithoutSubject)
        {
            claims.Remove("sub");
        }

        return Results.Json(claims);
    }

    private static Dictionary<string, object> Claims(GoogleAccount account)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = account.Subject,
            ["name"] = account.Name,
            ["given_name"] = account.GivenName,
            ["family_name"] = account.FamilyName,
            ["picture"] = "https://lh3.googleusercontent.com/a/stand-in=s96-c",
            ["email"] = account.Email,
            ["email_verified"] = account.EmailVerified,
        };
        if (account.HostedDomain is not null)
        {
            claims["hd"] = account.HostedDomain;
        }

        return claims;
    }

    private static IResult Error(string error, string description, int status = 400) =>
        Results.Json(new { error, error_description = description }, statusCode: status);

    private static string NewSecret() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    private sealed record Grant(GoogleAccount Account, string RedirectUri, string CodeChallenge, string Scope, string? Nonce, bool IsOffline);
}
