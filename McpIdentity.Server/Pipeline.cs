using McpIdentity.Server.Audit;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Clients.Documents;
using McpIdentity.Server.Discovery;
using McpIdentity.Server.Tokens;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;
using Handlers = OpenIddict.Server.OpenIddictServerHandlers;

namespace McpIdentity.Server;

/// <summary>
/// Where our rules stand among OpenIddict's: the one place that orders them. A rule is a class in the folder of its subject;
/// what it does is written there, and when it does it here. An endpoint passes the stages that docs/pipeline.md lists, as they
/// were seen to run; a test compares both with a server that answers.
/// </summary>
internal static class Pipeline
{
    public static readonly IReadOnlyList<PipelineStage> Stages =
    [
        // Every request.
        new PipelineStage<ProcessRequestContext>()
            .Run<UsePublicAddress>()
            // Routing has found the endpoint: they would look for it once more, by another reading of the address.
            .Without(OpenIddictServerAspNetCoreHandlers.ResolveRequestUri.Descriptor)
            .Without(InferEndpointType.Descriptor),

        // /oauth/authorize. What the client wrote is put into its canonical form before anything is compared with it.
        new PipelineStage<ValidateAuthorizationRequestContext>()
            .Run<IgnoreUnknownParameters>().Run<StartFlow>().RunScoped<ReadClientDocument>().RunScoped<InferRedirectUri>().Run<NormaliseResources>().Run<NormaliseScopes>()
            .After(Authentication.ValidateProofKeyForCodeExchangeParameters.Descriptor).Run<CheckCodeChallenge>()
            // Before ValidateGrantTypePermissions would refuse it.
            .After(Authentication.ValidateEndpointPermissions.Descriptor).RunScoped<IgnoreOfflineAccess>(),
        new PipelineStage<ApplyAuthorizationResponseContext>()
            .After(Authentication.AttachRedirectUri.Descriptor).RunScoped<RedirectErrors>()
            .After(Authentication.AttachResponseState.Descriptor).Run<AttachExactIssuer>(),

        // /oauth/token. Everything about the request is judged before the code or refresh token is spent (ProcessSignIn).
        new PipelineStage<ValidateTokenRequestContext>()
            .Run<IgnoreUnknownParameters>().Run<NameClientByAssertion>().Run<NormaliseResources>().Run<NormaliseScopes>()
            .After(Exchange.ValidateScopes.Descriptor).Run<CheckCodeChallenge>()
            // The client is known, and nothing else has been looked at.
            .After(Exchange.ValidateEndpointPermissions.Descriptor).RunScoped<RefuseWaitingClients>()
            .After(Exchange.ValidateAuthorizedParty.Descriptor).Run<CompareRedirectUri>()
            .Without(Exchange.ValidateRedirectUri.Descriptor)
            .After(Exchange.ValidateCodeVerifier.Descriptor).Run<RefuseOtherResource>().Run<WidenByConsent>().Run<RefuseWiderScope>(),
        new PipelineStage<HandleTokenRequestContext>()
            .After(Exchange.AttachPrincipal.Descriptor).Run<IssueClientCredentials>(),
        new PipelineStage<ApplyTokenResponseContext>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<ApplyTokenResponseContext>.Descriptor).Run<AnswerUnavailable>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachWwwAuthenticateHeader<ApplyTokenResponseContext>.Descriptor).Run<ChallengeInKind>(),

        // A token that comes in, at whatever endpoint.
        new PipelineStage<ValidateTokenContext>()
            .Run<RecallSignedTokens>()
            .After(Protection.ValidateReferenceTokenIdentifier.Descriptor).Run<ReadGrantTokens>()
            // As it was read, and before anything is asked of this moment.
            .After(Protection.MapInternalClaims.Descriptor).Run<KeepSignedTokens>()
            .After(Protection.ValidateTokenEntry.Descriptor).Run<RefuseRevokedTokens>().Run<RequireLivingSession>(),

        // Codes and tokens that go out, from /oauth/authorize and /oauth/token.
        new PipelineStage<ProcessSignInContext>()
            .After(EvaluateGeneratedTokens.Descriptor).RunScoped<IssueRefreshTokens>().Run<RequireAudit>().Run<SpendGrantTokens>().Run<StartGrant>().Run<ChooseClaims>()
            // After everything was made and stored: what is recorded has happened.
            .After(AttachSignInParameters.Descriptor).Run<AnswerWithScope>().Run<StampClientUse>().Run<RecordIssuedTokens>(),
        new PipelineStage<GenerateTokenContext>()
            .Run<WriteGrantTokens>()
            .After(Protection.AttachTokenMetadata.Descriptor).Run<AttachExactIssuer>(),

        // /oauth/userinfo, /oauth/introspect, /oauth/revoke.
        new PipelineStage<ProcessAuthenticationContext>()
            // The request has said who it is from, and nothing has looked for the client.
            .After(ValidateRequiredTokens.Descriptor).RunScoped<ReadClientDocument>().RunScoped<AuthenticateByAssertion>()
            .Without(ValidateClientAssertion.Descriptor)
            .Without(ValidateClientAssertionWellknownClaims.Descriptor)
            .Without(ValidateClientAssertionIssuer.Descriptor)
            // The caller is known, and no token has been looked at.
            .After(ValidateClientSecret.Descriptor).RunScoped<RequireConfidentialCaller>(),
        new PipelineStage<ValidateUserInfoRequestContext>()
            .Run<IgnoreUnknownParameters>(),
        new PipelineStage<HandleUserInfoRequestContext>()
            .After(UserInfo.AttachClaims.Descriptor).Run<AnswerUserInfo>(),
        new PipelineStage<ApplyUserInfoResponseContext>()
            .Run<AttachExactIssuer>(),
        new PipelineStage<ValidateIntrospectionRequestContext>()
            .Run<IgnoreUnknownParameters>().Run<NameClientByAssertion>()
            .After(Introspection.ValidateEndpointPermissions.Descriptor).Run<IntrospectKnownTypes>()
            .Without(Introspection.ValidateTokenType.Descriptor)
            .Without(Introspection.ValidateAuthorizedParty.Descriptor),
        new PipelineStage<HandleIntrospectionRequestContext>()
            .After(Introspection.AttachMetadataClaims.Descriptor).RunScoped<IntrospectForResourceServers>(),
        new PipelineStage<ApplyIntrospectionResponseContext>()
            .Run<AttachExactIssuer>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<ApplyIntrospectionResponseContext>.Descriptor).Run<AnswerUnavailable>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachWwwAuthenticateHeader<ApplyIntrospectionResponseContext>.Descriptor).Run<ChallengeInKind>(),
        new PipelineStage<ValidateRevocationRequestContext>()
            .Run<IgnoreUnknownParameters>().Run<NameClientByAssertion>()
            // Before the type of the token is judged: another client's is refused, of whatever type.
            .After(Handlers.Revocation.ValidateEndpointPermissions.Descriptor).Run<RefuseOthersTokens>()
            .Without(Handlers.Revocation.ValidateAuthorizedParty.Descriptor),
        new PipelineStage<HandleRevocationRequestContext>()
            .After(Handlers.Revocation.AttachPrincipal.Descriptor).Run<RevokeWholeGrant>().Run<RecordRevocations>()
            .Without(Handlers.Revocation.RevokeToken.Descriptor),
        new PipelineStage<ApplyRevocationResponseContext>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<ApplyRevocationResponseContext>.Descriptor).Run<AnswerUnavailable>()
            .After(OpenIddictServerAspNetCoreHandlers.AttachWwwAuthenticateHeader<ApplyRevocationResponseContext>.Descriptor).Run<ChallengeInKind>(),

        // Metadata.
        new PipelineStage<HandleConfigurationRequestContext>()
            .After(Handlers.Discovery.AttachAdditionalMetadata.Descriptor).Run<DescribeServer>(),

        // Refusals: those of OpenIddict and of our rules, and those of our endpoint (Results.Forbid).
        new PipelineStage<ProcessErrorContext>()
            .Run<RecordRefusals>(),
        new PipelineStage<ProcessChallengeContext>()
            .After(AttachCustomChallengeParameters.Descriptor).Run<RecordRefusals>(),
    ];
}
