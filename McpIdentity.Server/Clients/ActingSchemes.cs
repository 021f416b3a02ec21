namespace McpIdentity.Server.Clients;

/// <summary>
/// Schemes that an operating system, a browser or a program of everybody's acts on: opening such an address runs something, opens
/// a file or a connection, calls a number, pays. As a redirect URI it would make our answer the trigger, and no client would
/// receive it. A client's own scheme (RFC 8252 §7.1) is in no such list.
/// </summary>
internal static class ActingSchemes
{
    // Whole families: every scheme of theirs starts a part of the system. web+…: any web site may have taken it.
    private static readonly string[] Families =
    [
        "ms-", "microsoft-", "microsoft.windows", "windows-", "windows.", "xbox", "search-ms", "x-apple", "apple-", "x-ms-", "itms", "itunes", "macappstore", "prefs", "app-prefs", "app-settings", "app-store", "x-man-page", "x-help", "x-safari", "x-web-search",
        "facetime", "chrome-", "googlechrome", "view-", "moz-", "android-", "android.", "google.", "web+", "ssh", "sftp", "ftp", "smb", "svn", "steam", "ldap", "winscp", "teamviewer", "ts3", "vnc", "rdp", "rtsp", "rtmp",
    ];

    private static readonly HashSet<string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        // Browsers: runs in a page's origin, opens a file or a part of the browser, or never leaves it.
        "javascript", "livescript", "mocha", "vbscript", "data", "blob", "filesystem", "file", "about", "chrome", "resource", "res", "jar", "wyciwyg", "feed", "feeds", "pcast", "devtools", "edge", "brave", "opera", "vivaldi", "firefox", "safari", "isolated-app",
        "ws", "wss", "localhost", "gopher", "news", "nntp", "snews", "urn", "cid", "mid", "ipfs", "ipns", "dweb", "tag", "http+unix", "unix", "view-source", "externalfile",

        // Windows.
        "shell", "search", "mk", "its", "mhtml", "hcp", "help", "local", "onenote", "onenote-cmd", "outlookcal", "outlookmail", "outlook", "calculator", "bingmaps", "bingnews", "bingweather", "insiderhub", "insthelper", "im", "maps", "people", "zune", "mswindowsmusic", "mswindowsvideo",
        "msnweather", "msteams", "teams", "skype", "skypeforbusiness", "sip", "sips", "lync", "lync15", "conf", "wallet", "read", "rlogin", "telnet", "tn3270", "mstsc", "grvopen", "groove", "stssync", "ofl", "dlna-playsingle", "dlna-playto", "actionuri",
        "feedback-hub", "netflix", "mailto", "ldaps", "appinstaller",

        // macOS and iOS.
        "applescript", "automator", "osascript", "afp", "cifs", "nfs", "dav", "davs", "webcal", "webcals", "ical", "calshow", "addressbook", "contacts", "contact", "message", "imessage", "messages", "music", "musics", "podcast", "podcasts", "ibooks", "books", "videos", "stocks", "photos", "photos-redirect",
        "shortcuts", "workflow", "dict", "telprompt", "shoebox", "otpauth", "mobilenotes", "notes", "mobilephone", "diagnostics", "diags", "fmip1", "findmy", "settings", "systempreferences", "iterm2", "iterm", "textmate", "txmt", "vmrc", "gamecenter",

        // Linux desktops.
        "apt", "snap", "appstream", "flatpak", "flatpak+https", "dav+sd", "davs+sd", "network", "computer", "burn", "trash", "recent", "admin", "mtp", "gphoto2", "afc", "obex", "cdda", "dnssd", "fish", "man", "info", "ghelp", "programs", "applications", "remote", "tags", "timeline", "bluetooth", "desktop", "fonts",
        "thumbnail", "zip", "tar", "nautilus", "dolphin", "spice", "spice+unix", "magnet", "ed2k", "irc", "ircs", "irc6", "xmpp", "finger", "wais", "prospero", "git", "rsync", "scp", "h323", "iax", "iax2", "mpd", "ipp", "ipps",

        // Android.
        "tel", "callto", "sms", "mms", "market", "intent", "content", "package", "geo", "smsto", "mmsto", "voicemail", "wtai", "samsungapps", "amzn", "appmarket", "hiapplink", "hiapp", "mimarket", "oppomarket", "vivomarket", "bazaar", "fdroidrepo", "fdroidrepos", "usb", "nfc", "launcher",

        // Programs of everybody's that call, install, connect or pay at once.
        "zoommtg", "zoomus", "webex", "wbx", "gotomeeting", "anydesk", "rustdesk", "nxs", "citrixreceiver", "receiver", "putty", "mobaxterm", "cyberduck", "filezilla", "vmware-view", "horizon-client", "parallels", "docker-desktop", "jnlp", "jnlps", "java", "jetbrains-gateway", "sourcetree",
        "com.epicgames.launcher", "uplay", "origin", "origin2", "battlenet", "blizzard", "roblox", "roblox-player", "roblox-studio", "minecraft", "heroic", "lutris", "itch", "bitcoin", "bitcoincash", "lightning", "ethereum", "litecoin", "monero", "dogecoin", "solana", "upi", "payto", "openpgp4fpr", "whatsapp", "tg", "viber",
    };

    /// <param name="scheme">As it is written, in any case.</param>
    public static bool Contains(string scheme) =>
        scheme.Length < 2 || // a drive
        Names.Contains(scheme) ||
        Families.Any(family => scheme.StartsWith(family, StringComparison.OrdinalIgnoreCase)) ||
        (scheme.Contains('+', StringComparison.Ordinal) && scheme.Split('+').Any(Contains)); // svn+ssh
}
