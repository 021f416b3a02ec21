CREATE TABLE IF NOT EXISTS "__EFMigrationsHistory" (
    "MigrationId" TEXT NOT NULL CONSTRAINT "PK___EFMigrationsHistory" PRIMARY KEY,
    "ProductVersion" TEXT NOT NULL
);

CREATE TABLE "Consents" (
    "UserId" TEXT NOT NULL,
    "ClientId" TEXT NOT NULL,
    "Resource" TEXT NOT NULL,
    "Scopes" TEXT NOT NULL,
    "GrantedAt" INTEGER NOT NULL,
    CONSTRAINT "PK_Consents" PRIMARY KEY ("UserId", "ClientId", "Resource")
);

CREATE TABLE "DataProtectionKeys" (
    "Id" INTEGER NOT NULL CONSTRAINT "PK_DataProtectionKeys" PRIMARY KEY AUTOINCREMENT,
    "FriendlyName" TEXT NULL,
    "Xml" TEXT NULL
);

CREATE TABLE "Grants" (
    "Id" BLOB NOT NULL CONSTRAINT "PK_Grants" PRIMARY KEY,
    "UserId" TEXT NOT NULL,
    "ClientId" TEXT NOT NULL,
    "SessionId" TEXT NOT NULL,
    "Generation" INTEGER NOT NULL,
    "RotatedAt" INTEGER NOT NULL,
    "ExpiresAt" INTEGER NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "RevokedAt" INTEGER NULL,
    "ProtectedClaims" TEXT NOT NULL
);

CREATE TABLE "OpenIddictApplications" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_OpenIddictApplications" PRIMARY KEY,
    "DisabledAt" INTEGER NULL,
    "LastUsedAt" INTEGER NULL,
    "RegisteredAt" INTEGER NULL,
    "ApplicationType" TEXT NULL,
    "ClientId" TEXT NULL,
    "ClientSecret" TEXT NULL,
    "ClientType" TEXT NULL,
    "ConcurrencyToken" TEXT NULL,
    "ConsentType" TEXT NULL,
    "DisplayName" TEXT NULL,
    "DisplayNames" TEXT NULL,
    "JsonWebKeySet" TEXT NULL,
    "Permissions" TEXT NULL,
    "PostLogoutRedirectUris" TEXT NULL,
    "Properties" TEXT NULL,
    "RedirectUris" TEXT NULL,
    "Requirements" TEXT NULL,
    "Settings" TEXT NULL
);

CREATE TABLE "OpenIddictScopes" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_OpenIddictScopes" PRIMARY KEY,
    "ConcurrencyToken" TEXT NULL,
    "Description" TEXT NULL,
    "Descriptions" TEXT NULL,
    "DisplayName" TEXT NULL,
    "DisplayNames" TEXT NULL,
    "Name" TEXT NULL,
    "Properties" TEXT NULL,
    "Resources" TEXT NULL
);

CREATE TABLE "Revocations" (
    "Id" INTEGER NOT NULL CONSTRAINT "PK_Revocations" PRIMARY KEY AUTOINCREMENT,
    "Kind" INTEGER NOT NULL,
    "Target" TEXT NOT NULL,
    "RevokedAt" INTEGER NOT NULL,
    "ExpiresAt" INTEGER NOT NULL
);

CREATE TABLE "SigningKeys" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_SigningKeys" PRIMARY KEY,
    "Algorithm" TEXT NOT NULL,
    "ProtectedKey" TEXT NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "ActivatesAt" INTEGER NOT NULL,
    "RetiresAt" INTEGER NULL
);

CREATE TABLE "Users" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_Users" PRIMARY KEY,
    "Provider" TEXT NOT NULL,
    "ProviderSubject" TEXT NOT NULL,
    "Name" TEXT NULL,
    "Email" TEXT NULL,
    "EmailVerified" INTEGER NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "LastSignInAt" INTEGER NOT NULL,
    "DisabledAt" INTEGER NULL
);

CREATE TABLE "OpenIddictAuthorizations" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_OpenIddictAuthorizations" PRIMARY KEY,
    "ApplicationId" TEXT NULL,
    "ConcurrencyToken" TEXT NULL,
    "CreationDate" TEXT NULL,
    "Properties" TEXT NULL,
    "Scopes" TEXT NULL,
    "Status" TEXT NULL,
    "Subject" TEXT NULL,
    "Type" TEXT NULL,
    CONSTRAINT "FK_OpenIddictAuthorizations_OpenIddictApplications_ApplicationId" FOREIGN KEY ("ApplicationId") REFERENCES "OpenIddictApplications" ("Id")
);

CREATE TABLE "SignInSessions" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_SignInSessions" PRIMARY KEY,
    "UserId" TEXT NOT NULL,
    "Provider" TEXT NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "LastSeenAt" INTEGER NOT NULL,
    "SignedInUntil" INTEGER NOT NULL,
    "KeptUntil" INTEGER NOT NULL,
    "EndedAt" INTEGER NULL,
    "DeviceHint" TEXT NULL,
    "ProtectedTokens" TEXT NOT NULL,
    CONSTRAINT "FK_SignInSessions_Users_UserId" FOREIGN KEY ("UserId") REFERENCES "Users" ("Id") ON DELETE CASCADE
);

CREATE TABLE "OpenIddictTokens" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_OpenIddictTokens" PRIMARY KEY,
    "ApplicationId" TEXT NULL,
    "AuthorizationId" TEXT NULL,
    "ConcurrencyToken" TEXT NULL,
    "CreationDate" TEXT NULL,
    "ExpirationDate" TEXT NULL,
    "Payload" TEXT NULL,
    "Properties" TEXT NULL,
    "RedemptionDate" TEXT NULL,
    "ReferenceId" TEXT NULL,
    "Status" TEXT NULL,
    "Subject" TEXT NULL,
    "Type" TEXT NULL,
    CONSTRAINT "FK_OpenIddictTokens_OpenIddictApplications_ApplicationId" FOREIGN KEY ("ApplicationId") REFERENCES "OpenIddictApplications" ("Id"),
    CONSTRAINT "FK_OpenIddictTokens_OpenIddictAuthorizations_AuthorizationId" FOREIGN KEY ("AuthorizationId") REFERENCES "OpenIddictAuthorizations" ("Id")
);

CREATE INDEX "IX_Grants_ClientId" ON "Grants" ("ClientId");

CREATE INDEX "IX_Grants_ExpiresAt" ON "Grants" ("ExpiresAt");

CREATE INDEX "IX_Grants_SessionId" ON "Grants" ("SessionId");

CREATE INDEX "IX_Grants_UserId_ClientId" ON "Grants" ("UserId", "ClientId");

CREATE UNIQUE INDEX "IX_OpenIddictApplications_ClientId" ON "OpenIddictApplications" ("ClientId");

CREATE INDEX "IX_OpenIddictApplications_LastUsedAt_RegisteredAt" ON "OpenIddictApplications" ("LastUsedAt", "RegisteredAt");

CREATE INDEX "IX_OpenIddictAuthorizations_ApplicationId_Status_Subject_Type" ON "OpenIddictAuthorizations" ("ApplicationId", "Status", "Subject", "Type");

CREATE UNIQUE INDEX "IX_OpenIddictScopes_Name" ON "OpenIddictScopes" ("Name");

CREATE INDEX "IX_OpenIddictTokens_ApplicationId_Status_Subject_Type" ON "OpenIddictTokens" ("ApplicationId", "Status", "Subject", "Type");

CREATE INDEX "IX_OpenIddictTokens_AuthorizationId" ON "OpenIddictTokens" ("AuthorizationId");

CREATE UNIQUE INDEX "IX_OpenIddictTokens_ReferenceId" ON "OpenIddictTokens" ("ReferenceId");

CREATE INDEX "IX_Revocations_ExpiresAt" ON "Revocations" ("ExpiresAt");

CREATE INDEX "IX_Revocations_RevokedAt" ON "Revocations" ("RevokedAt");

CREATE INDEX "IX_SignInSessions_KeptUntil" ON "SignInSessions" ("KeptUntil");

CREATE INDEX "IX_SignInSessions_UserId" ON "SignInSessions" ("UserId");

CREATE UNIQUE INDEX "IX_Users_Provider_ProviderSubject" ON "Users" ("Provider", "ProviderSubject");

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261125040408_Initial', '10.0.15');

ALTER TABLE "Users" ADD "HostedDomain" TEXT NULL;

ALTER TABLE "SignInSessions" ADD "AuthenticatedAt" INTEGER NULL;

CREATE TABLE "RememberedConsents" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_RememberedConsents" PRIMARY KEY,
    "UserId" TEXT NOT NULL,
    "ClientId" TEXT NOT NULL,
    "RedirectUri" TEXT NOT NULL,
    "Resource" TEXT NOT NULL,
    "Scopes" TEXT NOT NULL,
    "GrantedAt" INTEGER NOT NULL
);

CREATE TABLE "Nodes" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_Nodes" PRIMARY KEY,
    "Keys" TEXT NOT NULL,
    "SeenAt" INTEGER NOT NULL
);

CREATE TABLE "OperatorActs" (
    "Id" INTEGER NOT NULL CONSTRAINT "PK_OperatorActs" PRIMARY KEY AUTOINCREMENT,
    "At" INTEGER NOT NULL,
    "Actor" TEXT NOT NULL,
    "Event" TEXT NOT NULL,
    "Line" TEXT NOT NULL
);

CREATE TABLE "UpstreamStates" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_UpstreamStates" PRIMARY KEY,
    "State" TEXT NOT NULL,
    "Request" TEXT NOT NULL,
    "ExpiresAt" INTEGER NOT NULL
);

CREATE INDEX "IX_RememberedConsents_ClientId" ON "RememberedConsents" ("ClientId");

CREATE INDEX "IX_RememberedConsents_UserId" ON "RememberedConsents" ("UserId");

CREATE INDEX "IX_OperatorActs_At" ON "OperatorActs" ("At");

CREATE INDEX "IX_UpstreamStates_ExpiresAt" ON "UpstreamStates" ("ExpiresAt");

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261128101414_MendedByKind', '10.0.15');

ALTER TABLE "RememberedConsents" ADD "LastScopes" TEXT NOT NULL DEFAULT '';

ALTER TABLE "OpenIddictApplications" ADD "AwaitingApprovalSince" INTEGER NULL;

CREATE TABLE "InitialAccessTokens" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_InitialAccessTokens" PRIMARY KEY,
    "Name" TEXT NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "ExpiresAt" INTEGER NULL,
    "MaxUses" INTEGER NULL,
    "Uses" INTEGER NOT NULL,
    "LastUsedAt" INTEGER NULL,
    "RevokedAt" INTEGER NULL
);

CREATE TABLE "UsedAssertions" (
    "Id" TEXT NOT NULL CONSTRAINT "PK_UsedAssertions" PRIMARY KEY,
    "ExpiresAt" INTEGER NOT NULL
);

CREATE INDEX "IX_OpenIddictApplications_AwaitingApprovalSince" ON "OpenIddictApplications" ("AwaitingApprovalSince");

CREATE UNIQUE INDEX "IX_InitialAccessTokens_Name" ON "InitialAccessTokens" ("Name");

CREATE INDEX "IX_UsedAssertions_ExpiresAt" ON "UsedAssertions" ("ExpiresAt");

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261128221310_ClientsOfEveryKind', '10.0.15');

ALTER TABLE "SignInSessions" ADD "Network" TEXT NULL;

ALTER TABLE "RememberedConsents" ADD "Tools" TEXT NULL;

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261129030313_ToolsAndNetworks', '10.0.15');

ALTER TABLE "Users" ADD "Groups" TEXT NULL;

CREATE TABLE "PolicyVersions" (
    "Id" INTEGER NOT NULL CONSTRAINT "PK_PolicyVersions" PRIMARY KEY AUTOINCREMENT,
    "Document" TEXT NOT NULL,
    "At" INTEGER NOT NULL,
    "Actor" TEXT NOT NULL,
    "Note" TEXT NULL
);

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261129063012_Policy', '10.0.15');

CREATE TABLE "GatewayContacts" (
    "Server" TEXT NOT NULL CONSTRAINT "PK_GatewayContacts" PRIMARY KEY,
    "At" INTEGER NOT NULL,
    "AnsweredAt" INTEGER NULL,
    "Problem" TEXT NULL,
    "Tools" INTEGER NOT NULL
);

CREATE TABLE "GatewayServers" (
    "Name" TEXT NOT NULL CONSTRAINT "PK_GatewayServers" PRIMARY KEY,
    "Document" TEXT NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    "UpdatedAt" INTEGER NOT NULL,
    "UpdatedBy" TEXT NOT NULL
);

CREATE TABLE "GatewayTools" (
    "Server" TEXT NOT NULL,
    "Name" TEXT NOT NULL,
    "Hash" TEXT NOT NULL,
    "Title" TEXT NULL,
    "Description" TEXT NULL,
    "ReadOnly" INTEGER NULL,
    "Destructive" INTEGER NULL,
    "Document" TEXT NULL,
    "FirstSeenAt" INTEGER NOT NULL,
    "LastSeenAt" INTEGER NOT NULL,
    "State" INTEGER NOT NULL,
    "FirstHash" TEXT NOT NULL,
    "ReviewedHash" TEXT NULL,
    "TrustedDocument" TEXT NULL,
    "ReviewedAt" INTEGER NULL,
    "ReviewedBy" TEXT NULL,
    CONSTRAINT "PK_GatewayTools" PRIMARY KEY ("Server", "Name")
);

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261129070348_Gateway', '10.0.15');

CREATE TABLE "UpstreamConnections" (
    "UserId" TEXT NOT NULL,
    "Server" TEXT NOT NULL,
    "Tokens" TEXT NOT NULL,
    "Version" INTEGER NOT NULL,
    "RefreshingUntil" INTEGER NULL,
    "CreatedAt" INTEGER NOT NULL,
    "UpdatedAt" INTEGER NOT NULL,
    "Scope" TEXT NULL,
    CONSTRAINT "PK_UpstreamConnections" PRIMARY KEY ("UserId", "Server")
);

CREATE TABLE "UpstreamRegistrations" (
    "Server" TEXT NOT NULL,
    "Issuer" TEXT NOT NULL,
    "ClientId" TEXT NOT NULL,
    "Document" TEXT NOT NULL,
    "CreatedAt" INTEGER NOT NULL,
    CONSTRAINT "PK_UpstreamRegistrations" PRIMARY KEY ("Server", "Issuer")
);

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261129073332_Connections', '10.0.15');

CREATE TABLE "AdministratorRoles" (
    "UserId" TEXT NOT NULL CONSTRAINT "PK_AdministratorRoles" PRIMARY KEY,
    "Role" TEXT NOT NULL,
    "GrantedAt" INTEGER NOT NULL,
    "GrantedBy" TEXT NOT NULL
);

CREATE TABLE "AuditEntries" (
    "Id" INTEGER NOT NULL CONSTRAINT "PK_AuditEntries" PRIMARY KEY AUTOINCREMENT,
    "Node" TEXT NOT NULL,
    "Sequence" INTEGER NOT NULL,
    "At" INTEGER NOT NULL,
    "Event" TEXT NOT NULL,
    "Level" TEXT NOT NULL,
    "Result" TEXT NOT NULL,
    "Actor" TEXT NULL,
    "ClientId" TEXT NULL,
    "Subject" TEXT NULL,
    "Resource" TEXT NULL,
    "Tool" TEXT NULL,
    "Flow" TEXT NULL,
    "GrantId" TEXT NULL,
    "TraceId" TEXT NULL,
    "Address" TEXT NULL,
    "Line" TEXT NOT NULL,
    "Hash" BLOB NOT NULL
);

CREATE TABLE "AuditHeads" (
    "Node" TEXT NOT NULL CONSTRAINT "PK_AuditHeads" PRIMARY KEY,
    "Sequence" INTEGER NOT NULL,
    "Hash" BLOB NOT NULL,
    "PrunedSequence" INTEGER NOT NULL,
    "PrunedHash" BLOB NULL,
    "SignedAt" INTEGER NOT NULL,
    "KeyId" TEXT NOT NULL,
    "Signature" BLOB NOT NULL
);

CREATE TABLE "IdempotentAnswers" (
    "Id" BLOB NOT NULL CONSTRAINT "PK_IdempotentAnswers" PRIMARY KEY,
    "Request" BLOB NOT NULL,
    "Status" INTEGER NOT NULL,
    "ProtectedBody" TEXT NULL,
    "ExpiresAt" INTEGER NOT NULL
);

CREATE TABLE "SetupLinks" (
    "Hash" BLOB NOT NULL CONSTRAINT "PK_SetupLinks" PRIMARY KEY,
    "CreatedAt" INTEGER NOT NULL,
    "ExpiresAt" INTEGER NOT NULL,
    "UsedAt" INTEGER NULL
);

INSERT INTO "AuditEntries" ("Node", "Sequence", "At", "Event", "Level", "Result", "Actor", "Line", "Hash")
SELECT 'earlier', "Id", "At", "Event", 'info', 'success', "Actor", "Line", X'' FROM "OperatorActs" ORDER BY "Id";

DROP TABLE "OperatorActs";

CREATE INDEX "IX_AuditEntries_Acts" ON "AuditEntries" ("Id") WHERE "Actor" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_Address_Id" ON "AuditEntries" ("Address", "Id") WHERE "Address" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_At" ON "AuditEntries" ("At");

CREATE INDEX "IX_AuditEntries_ClientId_Event_At" ON "AuditEntries" ("ClientId", "Event", "At") WHERE "ClientId" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_ClientId_Id" ON "AuditEntries" ("ClientId", "Id") WHERE "ClientId" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_Event_Id" ON "AuditEntries" ("Event", "Id");

CREATE INDEX "IX_AuditEntries_Flow" ON "AuditEntries" ("Flow") WHERE "Flow" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_GrantId" ON "AuditEntries" ("GrantId") WHERE "GrantId" IS NOT NULL;

CREATE UNIQUE INDEX "IX_AuditEntries_Node_Sequence" ON "AuditEntries" ("Node", "Sequence");

CREATE INDEX "IX_AuditEntries_Subject_Id" ON "AuditEntries" ("Subject", "Id") WHERE "Subject" IS NOT NULL;

CREATE INDEX "IX_AuditEntries_TraceId" ON "AuditEntries" ("TraceId") WHERE "TraceId" IS NOT NULL;

CREATE INDEX "IX_IdempotentAnswers_ExpiresAt" ON "IdempotentAnswers" ("ExpiresAt");

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261129201610_AuditAndAdministration', '10.0.15');

DROP INDEX "IX_AuditEntries_ClientId_Event_At";

CREATE INDEX "IX_AuditEntries_ClientId_Event_At" ON "AuditEntries" ("ClientId", "Event", "At") WHERE "ClientId" IS NOT NULL AND "Event" IN ('client_registered', 'token_refused', 'client_authentication_failed', 'client_disabled', 'client_deleted', 'client_enabled', 'app_disconnected', 'grant_revoked', 'session_ended', 'sessions_ended', 'account_disconnected', 'account_connected', 'user_disabled', 'user_removed', 'user_enabled');

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261130052958_NarrowAuditIndex', '10.0.15');

DROP INDEX "IX_Grants_ExpiresAt";

ALTER TABLE "Grants" ADD "ExpiresOn" INTEGER NOT NULL DEFAULT 621355968000000000;

UPDATE "Grants" SET "ExpiresOn" = "ExpiresAt" - "ExpiresAt" % 864000000000;

CREATE INDEX "IX_Grants_ExpiresOn" ON "Grants" ("ExpiresOn");

INSERT INTO "__EFMigrationsHistory" ("MigrationId", "ProductVersion")
VALUES ('20261130092046_GrantsByDay', '10.0.15');

