# The SDK runs on the build machine's architecture and compiles ahead of time for the target's.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /src

# What restore reads comes first, so that a change of code does not download packages again.
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props ./
COPY McpIdentity.Mcp/McpIdentity.Mcp.csproj McpIdentity.Mcp/
COPY McpIdentity.Server/McpIdentity.Server.csproj McpIdentity.Server/
COPY migrations/McpIdentity.Migrations.csproj migrations/
# Not --locked-mode: what a platform needs depends on the architecture and is not in the lock files (Directory.Build.targets).
RUN dotnet restore McpIdentity.Server -a $TARGETARCH -p:PublishReadyToRun=true

COPY .editorconfig appsettings.json ./
COPY McpIdentity.Mcp/ McpIdentity.Mcp/
COPY McpIdentity.Server/ McpIdentity.Server/
COPY migrations/ migrations/
COPY docs/admin-api.json docs/
RUN dotnet publish McpIdentity.Server -c Release -a $TARGETARCH --no-restore --no-self-contained -o /app \
 && mkdir /app/data

# No shell, no package manager; 1654 is the image's user "app".
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app ./
COPY --from=build --chown=1654:1654 /app/data ./data
# The base image's own port variable would contradict PORT.
ENV PORT=8082 \
    ASPNETCORE_HTTP_PORTS= \
    DOTNET_EnableDiagnostics=0
USER 1654:1654
EXPOSE 8082
VOLUME /app/data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["dotnet", "McpIdentity.Server.dll", "healthcheck"]
ENTRYPOINT ["dotnet", "McpIdentity.Server.dll"]
