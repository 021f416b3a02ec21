using McpIdentity.Mcp;
using McpServer;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton<Notebook>();
builder.AddMcpModule().WithTools<NoteTools>();

var app = builder.Build();
app.MapMcpModule();
app.Run();
