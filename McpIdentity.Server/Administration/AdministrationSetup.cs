using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Administration;

/// <summary>Administration: what operators may do and see, the same for the command line, the admin API and the console.</summary>
internal static class AdministrationSetup
{
    public static void AddAdministration(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<OperatorRecord>();
        builder.Services.AddScoped<SessionActs>().AddScoped<GrantActs>().AddScoped<TokenActs>().AddScoped<TokenMinting>().AddScoped<KeyActs>().AddScoped<RegistrationActs>()
            .AddScoped<ServerActs>().AddScoped<ToolActs>().AddScoped<ConnectionActs>().AddScoped<PolicyActs>().AddScoped<PolicyDiffActs>().AddScoped<PolicyReading>().AddScoped<AdmissionActs>().AddScoped<RoleActs>().AddScoped<ClientActs>().AddScoped<ClientDirectory>().AddScoped<UserActs>().AddScoped<UserDirectory>().AddScoped<TraceActs>().AddScoped<AuditActs>().AddScoped<SetupLinks>();
        builder.Services.AddSingleton<SettingsActs>().AddSingleton<Overview>().AddSingleton<LongWork>();
        builder.Services.AddKept<IReadOnlyList<CheckResult>>(TimeSpan.FromSeconds(10), (services, cancellationToken) => OwnChecks.RunAsync(services, wanted: null, cancellationToken));
        builder.AddAdminApi();
    }
}
