// What PowerShell on Linux lacks of Windows' files, processes and clocks. The prelude puts these classes in the place of
// .NET's own by type accelerators, so that `[IO.File]::Move(...)` of a script finds Windows' paths and Windows' rules.
// Only what .NET Framework 4.8 has is here: another member is an error, as it would be in Windows PowerShell 5.1.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using IO = System.IO;

namespace World {

// Drive C: a folder. Names match in any case; what Windows forbids in a name is refused.
public static class Drive {
    public static readonly string Folder = Environment.GetEnvironmentVariable("WORLD_DISK");
    static readonly HashSet<string> Devices = new HashSet<string>(
        new[] { "CON", "PRN", "AUX", "NUL" }.Concat(Enumerable.Range(0, 10).SelectMany(n => new[] { "COM" + n, "LPT" + n })),
        StringComparer.OrdinalIgnoreCase);

    public static bool IsOurs(string path) {
        return path != null && path.Length >= 2 && path[1] == ':' && char.IsLetter(path[0]);
    }

    // Where a Windows path lies. A relative one starts at the process's current folder, as everywhere in .NET.
    public static string Real(string path) {
        if (path == null) throw new ArgumentNullException("path");
        if (path.Length == 0) throw new ArgumentException("Empty path name is not legal.");
        if (path.StartsWith("\\\\?\\")) path = path.Substring(4);
        string place, rest;
        if (IsOurs(path)) {
            if (char.ToUpperInvariant(path[0]) != 'C') throw new IO.DriveNotFoundException("Could not find a part of the path '" + path + "'.");
            place = Folder;
            rest = path.Substring(2);
        } else if (path.StartsWith("/") && !path.Contains('\\')) {
            return path;
        } else {
            place = path.StartsWith("\\") ? Folder : Environment.CurrentDirectory;
            rest = path;
        }
        foreach (string part in rest.Split('\\', '/')) {
            string name = part.TrimEnd(' ', '.');
            if (part.Length == 0 || part == ".") continue;
            if (part == "..") { if (place != Folder) place = IO.Path.GetDirectoryName(place); continue; }
            if (name.Length == 0 || name.IndexOfAny(new[] { '<', '>', '"', '|', '?', '*', ':' }) >= 0 || name.Any(c => c < 32))
                throw new ArgumentException("Illegal characters in path.");
            if (Devices.Contains(name.Split('.')[0])) throw new ArgumentException("FileStream will not open Win32 devices such as disk partitions and tape drives: " + path);
            string exact = place + "/" + name;
            if (!IO.File.Exists(exact) && !IO.Directory.Exists(exact) && IO.Directory.Exists(place)) {
                foreach (string entry in IO.Directory.EnumerateFileSystemEntries(place))
                    if (string.Equals(IO.Path.GetFileName(entry), name, StringComparison.OrdinalIgnoreCase)) { exact = entry; break; }
            }
            place = exact;
        }
        return place;
    }

    // The Windows spelling of a place in the folder; other places keep theirs.
    public static string Spell(string real) {
        if (real == Folder) return "C:\\";
        return real.StartsWith(Folder + "/") ? "C:\\" + real.Substring(Folder.Length + 1).Replace('/', '\\') : real;
    }

    // The same path in the case in which it lies on the disk; what is not there stays as it is.
    public static string Normal(string path) {
        return IsOurs(path) && char.ToUpperInvariant(path[0]) == 'C' && path.IndexOfAny(new[] { '*', '?', '[' }) < 0 ? Spell(Real(path)) : path;
    }
}

// Who holds what open, among the processes of this machine.
public static class Sharing {
    static readonly string Table = Environment.GetEnvironmentVariable("WORLD_RUN") + "/processes";

    static IEnumerable<int> Others() {
        int me = Environment.ProcessId;
        foreach (string entry in IO.Directory.EnumerateFiles(Table)) {
            int pid;
            if (int.TryParse(IO.Path.GetFileName(entry), out pid) && pid != me) yield return pid;
        }
    }

    [DllImport("libc", SetLastError = true)]
    static extern nint readlink(string path, byte[] buffer, nint size);

    static string Link(string path) {
        byte[] buffer = new byte[4096];
        nint length = readlink(path, buffer, buffer.Length);
        return length < 0 ? null : Encoding.UTF8.GetString(buffer, 0, (int)length);
    }

    static bool Within(string held, string place) { return held != null && (held == place || held.StartsWith(place + "/")); }

    // The process that keeps `place` (a file, or a folder with all below) from being removed or renamed; 0: nobody.
    public static int Holder(string place, bool own) {
        IEnumerable<int> all = own ? Others().Append(Environment.ProcessId) : Others();
        foreach (int pid in all) {
            string process = "/proc/" + pid;
            if (Within(Link(process + "/cwd"), place)) return pid;
            string[] handles;
            try { handles = IO.Directory.GetFiles(process + "/fd"); } catch (IO.IOException) { continue; } catch (UnauthorizedAccessException) { continue; }
            foreach (string handle in handles) if (Within(Link(handle), place)) return pid;
        }
        return 0;
    }

    // Another process that writes into the file; 0: nobody.
    public static int Writer(string place) {
        foreach (int pid in Others()) {
            string[] handles;
            try { handles = IO.Directory.GetFiles("/proc/" + pid + "/fd"); } catch (IO.IOException) { continue; } catch (UnauthorizedAccessException) { continue; }
            foreach (string handle in handles) {
                if (Link(handle) != place) continue;
                try {
                    string flags = IO.File.ReadAllLines(handle.Replace("/fd/", "/fdinfo/")).First(line => line.StartsWith("flags:")).Split('\t')[1];
                    if ((Convert.ToInt32(flags, 8) & 3) != 0) return pid;
                } catch (IO.IOException) { }
            }
        }
        return 0;
    }

    public static void RefuseOpen(string real, string windows, bool own = true) {
        if (Holder(real, own) != 0)
            throw new IO.IOException("The process cannot access the file '" + windows + "' because it is being used by another process.", unchecked((int)0x80070020));
    }

    public static void RefuseWriter(string real, string windows) {
        if (Writer(real) != 0)
            throw new IO.IOException("The process cannot access the file '" + windows + "' because it is being used by another process.", unchecked((int)0x80070020));
    }
}

// What the world's owner ordered, and what it wants to know.
public static class Orders {
    static readonly string Run = Environment.GetEnvironmentVariable("WORLD_RUN");

    public static void Note(string kind, string detail) {
        string line = "{\"at\":" + (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds.ToString("F3", System.Globalization.CultureInfo.InvariantCulture)
            + ",\"pid\":" + Environment.ProcessId + ",\"kind\":" + Quote(kind) + ",\"detail\":" + Quote(detail) + "}\n";
        byte[] bytes = Encoding.UTF8.GetBytes(line);
        using (var out_ = new IO.FileStream(Run + "/journal.jsonl", IO.FileMode.Append, IO.FileAccess.Write, IO.FileShare.ReadWrite | IO.FileShare.Delete, 1)) out_.Write(bytes, 0, bytes.Length);
    }

    static string Quote(string text) { return System.Text.Json.JsonSerializer.Serialize(text); }

    // Counts an event and cuts the power when it is the ordered one: everything ends, nothing more is written.
    public static void Count(string kind, string detail) {
        Note(kind, detail);
        string order = Run + "/cut-at";
        if (!IO.File.Exists(order)) return;
        string[] parts = IO.File.ReadAllText(order).Split(' ');
        if (parts[0] != kind) return;
        string counter = Run + "/count-" + kind;
        using (Store.Lock("orders")) {
            int number = 1 + (IO.File.Exists(counter) ? int.Parse(IO.File.ReadAllText(counter)) : 0);
            IO.File.WriteAllText(counter, number.ToString());
            if (number != int.Parse(parts[1])) return;
        }
        IO.File.WriteAllText(Run + "/power-cut", kind + " " + detail);
        Thread.Sleep(Timeout.Infinite);
    }
}

// Which lines of the scripts were passed, for who mutates them; each is told once a process.
public static class Trace {
    static readonly string Target = Environment.GetEnvironmentVariable("CHATGLM_REHEARSAL_TRACE");
    static readonly HashSet<string> Seen = new HashSet<string>();

    public static void Hit(string place) {
        if (Target == null || !Seen.Add(place)) return;
        byte[] bytes = Encoding.UTF8.GetBytes(place + "\n");
        using (var out_ = new IO.FileStream(Target, IO.FileMode.Append, IO.FileAccess.Write, IO.FileShare.ReadWrite | IO.FileShare.Delete, 1)) out_.Write(bytes, 0, bytes.Length);
    }
}

// JSON documents of the stand-ins, one lock for all processes of the machine. Python takes the same locks.
public static class Store {
    static readonly string Locks = Environment.GetEnvironmentVariable("WORLD_RUN") + "/locks";

    public static IDisposable Lock(string name) {
        for (int n = 0; ; n++) {
            try { return new IO.FileStream(Locks + "/" + name, IO.FileMode.OpenOrCreate, IO.FileAccess.ReadWrite, IO.FileShare.None, 1); }
            catch (IO.IOException) { if (n > 3000) throw; Thread.Sleep(5); }
        }
    }
}

// The local internet has small files: their hashes and sizes stand in the manifest that reaches the disk.
public static class Exchange {
    public static bool IsManifest(string real) { return real.EndsWith("/chatglm/manifest.json", StringComparison.OrdinalIgnoreCase); }

    public static void Run(string real) {
        if (!IsManifest(real) || !IO.File.Exists(real)) return;
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("WORLD_PYTHON")) { UseShellExecute = false };
        foreach (string word in new[] { "-S", "-E", Environment.GetEnvironmentVariable("WORLD_INSIDE") + "/run.py", "exchange", real }) start.ArgumentList.Add(word);
        using (var process = System.Diagnostics.Process.Start(start)) process.WaitForExit();
    }
}

public static class Disk {
    static readonly string Order = Environment.GetEnvironmentVariable("WORLD_RUN") + "/disk-full";

    // A full disk refuses what would make a file longer; a regular expression in the order limits it to some files.
    public static void Refuse(string windows) {
        if (!IO.File.Exists(Order)) return;
        string match = IO.File.ReadAllText(Order);
        if (match.Length == 0 || System.Text.RegularExpressions.Regex.IsMatch(windows, match, System.Text.RegularExpressions.RegexOptions.IgnoreCase))
            throw new IO.IOException("There is not enough space on the disk.", unchecked((int)0x80070070));
    }
}

// In the place of System.IO.File.
public static class File {
    static string R(string path) { return Drive.Real(path); }
    static string ForRead(string path) { string real = R(path); Sharing.RefuseWriter(real, path); return real; }
    static string ForWrite(string path) {
        string real = R(path);
        Disk.Refuse(path);
        Sharing.RefuseWriter(real, path);
        return real;
    }
    static string Written(string real, string path) {
        if (real.EndsWith("/state/status.json", StringComparison.OrdinalIgnoreCase)) Orders.Count("status", path);
        Exchange.Run(real);
        return real;
    }
    public static bool Exists(string path) { try { return IO.File.Exists(R(path)); } catch (ArgumentException) { return false; } }
    public static string ReadAllText(string path) { return IO.File.ReadAllText(ForRead(path)); }
    public static string ReadAllText(string path, Encoding encoding) { return IO.File.ReadAllText(ForRead(path), encoding); }
    public static string[] ReadAllLines(string path) { return IO.File.ReadAllLines(ForRead(path)); }
    public static string[] ReadAllLines(string path, Encoding encoding) { return IO.File.ReadAllLines(ForRead(path), encoding); }
    public static byte[] ReadAllBytes(string path) { return IO.File.ReadAllBytes(ForRead(path)); }
    public static IEnumerable<string> ReadLines(string path) { return IO.File.ReadLines(ForRead(path)); }
    public static void WriteAllText(string path, string text) { string real = ForWrite(path); IO.File.WriteAllText(real, text); Written(real, path); }
    public static void WriteAllText(string path, string text, Encoding encoding) { string real = ForWrite(path); IO.File.WriteAllText(real, text, encoding); Written(real, path); }
    public static void WriteAllBytes(string path, byte[] bytes) { string real = ForWrite(path); IO.File.WriteAllBytes(real, bytes); Written(real, path); }
    public static void WriteAllLines(string path, string[] lines) { string real = ForWrite(path); IO.File.WriteAllLines(real, lines); Written(real, path); }
    public static void WriteAllLines(string path, IEnumerable<string> lines) { string real = ForWrite(path); IO.File.WriteAllLines(real, lines); Written(real, path); }
    public static void AppendAllText(string path, string text) { string real = ForWrite(path); IO.File.AppendAllText(real, text); }
    public static void AppendAllText(string path, string text, Encoding encoding) { string real = ForWrite(path); IO.File.AppendAllText(real, text, encoding); }
    public static void AppendAllLines(string path, IEnumerable<string> lines) { string real = ForWrite(path); IO.File.AppendAllLines(real, lines); }
    public static void Delete(string path) { string real = R(path); Sharing.RefuseOpen(real, path); IO.File.Delete(real); }
    public static void Move(string source, string target) {
        string from = R(source), to = R(target);
        if (!IO.File.Exists(from)) throw new IO.FileNotFoundException("Could not find file '" + source + "'.", source);
        if (IO.File.Exists(to) || IO.Directory.Exists(to)) throw new IO.IOException("Cannot create a file when that file already exists.", unchecked((int)0x800700B7));
        Sharing.RefuseOpen(from, source);
        IO.File.Move(from, to);
        Written(to, target);
    }
    public static void Copy(string source, string target) { Copy(source, target, false); }
    public static void Copy(string source, string target, bool overwrite) {
        string from = ForRead(source), to = ForWrite(target);
        IO.File.Copy(from, to, overwrite);
        Written(to, target);
    }
    public static void Replace(string source, string target, string backup) { Replace(source, target, backup, false); }
    public static void Replace(string source, string target, string backup, bool ignoreMetadataErrors) {
        string from = R(source), to = R(target);
        if (!IO.File.Exists(to)) throw new IO.FileNotFoundException("Unable to find the specified file.", target);
        Sharing.RefuseOpen(from, source);
        Sharing.RefuseOpen(to, target);
        if (!string.IsNullOrEmpty(backup)) IO.File.Copy(to, R(backup), true);
        IO.File.Move(from, to, true);
        Written(to, target);
    }
    public static IO.FileStream Open(string path, IO.FileMode mode) { return new FileStream(path, mode, mode == IO.FileMode.Append ? IO.FileAccess.Write : IO.FileAccess.ReadWrite, IO.FileShare.None); }
    public static IO.FileStream Open(string path, IO.FileMode mode, IO.FileAccess access) { return new FileStream(path, mode, access, IO.FileShare.None); }
    public static IO.FileStream Open(string path, IO.FileMode mode, IO.FileAccess access, IO.FileShare share) { return new FileStream(path, mode, access, share); }
    public static IO.FileStream OpenRead(string path) { return new FileStream(path, IO.FileMode.Open, IO.FileAccess.Read, IO.FileShare.Read); }
    public static IO.FileStream OpenWrite(string path) { return new FileStream(path, IO.FileMode.OpenOrCreate, IO.FileAccess.Write, IO.FileShare.None); }
    public static IO.FileStream Create(string path) { return new FileStream(path, IO.FileMode.Create, IO.FileAccess.ReadWrite, IO.FileShare.None); }
    public static DateTime GetLastWriteTime(string path) { return IO.File.GetLastWriteTime(R(path)); }
    public static DateTime GetLastWriteTimeUtc(string path) { return IO.File.GetLastWriteTimeUtc(R(path)); }
    public static void SetLastWriteTime(string path, DateTime time) { IO.File.SetLastWriteTime(R(path), time); }
    public static void SetLastWriteTimeUtc(string path, DateTime time) { IO.File.SetLastWriteTimeUtc(R(path), time); }
    public static DateTime GetCreationTimeUtc(string path) { return IO.File.GetCreationTimeUtc(R(path)); }
    public static IO.FileAttributes GetAttributes(string path) { return IO.File.GetAttributes(R(path)); }
    public static void SetAttributes(string path, IO.FileAttributes attributes) { R(path); }
}

// In the place of System.IO.FileStream.
public class FileStream : IO.FileStream {
    public FileStream(string path, IO.FileMode mode) : this(path, mode, mode == IO.FileMode.Append ? IO.FileAccess.Write : IO.FileAccess.ReadWrite, IO.FileShare.Read) { }
    public FileStream(string path, IO.FileMode mode, IO.FileAccess access) : this(path, mode, access, IO.FileShare.Read) { }
    public FileStream(string path, IO.FileMode mode, IO.FileAccess access, IO.FileShare share) : base(Checked(path, access, share), mode, access, share) { }
    static string Checked(string path, IO.FileAccess access, IO.FileShare share) {
        string real = Drive.Real(path);
        if ((access & IO.FileAccess.Write) != 0) Disk.Refuse(path);
        if (share == IO.FileShare.None) Sharing.RefuseOpen(real, path, false);
        else if ((share & IO.FileShare.Write) == 0) Sharing.RefuseWriter(real, path);
        return real;
    }
}

// In the place of System.IO.StreamReader and StreamWriter.
public class StreamReader : IO.StreamReader {
    public StreamReader(IO.Stream stream) : base(stream) { }
    public StreamReader(IO.Stream stream, Encoding encoding) : base(stream, encoding) { }
    public StreamReader(string path) : base(new FileStream(path, IO.FileMode.Open, IO.FileAccess.Read, IO.FileShare.Read)) { }
    public StreamReader(string path, Encoding encoding) : base(new FileStream(path, IO.FileMode.Open, IO.FileAccess.Read, IO.FileShare.Read), encoding) { }
}
public class StreamWriter : IO.StreamWriter {
    public StreamWriter(IO.Stream stream) : base(stream) { }
    public StreamWriter(IO.Stream stream, Encoding encoding) : base(stream, encoding) { }
    public StreamWriter(string path) : this(path, false) { }
    public StreamWriter(string path, bool append) : base(new FileStream(path, append ? IO.FileMode.Append : IO.FileMode.Create, IO.FileAccess.Write, IO.FileShare.Read)) { }
}

// In the place of System.IO.Directory.
public static class Directory {
    static string R(string path) { return Drive.Real(path); }
    static string[] Spell(IEnumerable<string> found) { return found.Select(Drive.Spell).ToArray(); }
    public static bool Exists(string path) { try { return IO.Directory.Exists(R(path)); } catch (ArgumentException) { return false; } }
    public static IO.DirectoryInfo CreateDirectory(string path) { return IO.Directory.CreateDirectory(R(path)); }
    public static void Delete(string path) { string real = R(path); Sharing.RefuseOpen(real, path); IO.Directory.Delete(real); }
    public static void Delete(string path, bool recursive) { string real = R(path); Sharing.RefuseOpen(real, path); IO.Directory.Delete(real, recursive); }
    public static void Move(string source, string target) { string from = R(source); Sharing.RefuseOpen(from, source); IO.Directory.Move(from, R(target)); }
    public static string[] GetFiles(string path) { return Spell(IO.Directory.GetFiles(R(path))); }
    public static string[] GetFiles(string path, string pattern) { return Spell(IO.Directory.GetFiles(R(path), pattern)); }
    public static string[] GetFiles(string path, string pattern, IO.SearchOption option) { return Spell(IO.Directory.GetFiles(R(path), pattern, option)); }
    public static string[] GetDirectories(string path) { return Spell(IO.Directory.GetDirectories(R(path))); }
    public static string[] GetDirectories(string path, string pattern) { return Spell(IO.Directory.GetDirectories(R(path), pattern)); }
    public static IEnumerable<string> EnumerateFiles(string path) { return GetFiles(path); }
    public static IEnumerable<string> EnumerateFiles(string path, string pattern) { return GetFiles(path, pattern); }
    public static IEnumerable<string> EnumerateFiles(string path, string pattern, IO.SearchOption option) { return GetFiles(path, pattern, option); }
    public static string GetCurrentDirectory() { return Drive.Spell(IO.Directory.GetCurrentDirectory()); }
}

// In the place of System.IO.Path, with the backslash.
public static class Path {
    static readonly char[] Separators = { '\\', '/', ':' };
    public static readonly char DirectorySeparatorChar = '\\';
    public static readonly char PathSeparator = ';';
    public static string Combine(params string[] parts) {
        string made = "";
        foreach (string part in parts) made = made.Length == 0 || IsPathRooted(part) ? part : made.TrimEnd('\\', '/') + "\\" + part;
        return made;
    }
    public static bool IsPathRooted(string path) { return path.StartsWith("\\") || path.StartsWith("/") || Drive.IsOurs(path); }
    public static string GetFileName(string path) { return path == null ? null : path.Substring(path.LastIndexOfAny(Separators) + 1); }
    public static string GetFileNameWithoutExtension(string path) { string name = GetFileName(path); int dot = name.LastIndexOf('.'); return dot < 0 ? name : name.Substring(0, dot); }
    public static string GetExtension(string path) { string name = GetFileName(path); int dot = name.LastIndexOf('.'); return dot < 0 ? "" : name.Substring(dot); }
    public static string GetDirectoryName(string path) { int end = path.LastIndexOfAny(new[] { '\\', '/' }); return end < 0 ? "" : end == 2 && path[1] == ':' ? (path.Length == 3 ? null : path.Substring(0, 3)) : path.Substring(0, end); }
    public static string GetPathRoot(string path) { return Drive.IsOurs(path) ? path.Substring(0, 2) + "\\" : ""; }
    public static string GetFullPath(string path) { return Drive.Spell(Drive.Real(path)); }
    public static string ChangeExtension(string path, string extension) { string old = GetExtension(path); return path.Substring(0, path.Length - old.Length) + (extension == null ? "" : extension.StartsWith(".") ? extension : "." + extension); }
    public static string GetTempPath() { return "C:\\Windows\\TEMP\\"; }
    public static string GetRandomFileName() { return IO.Path.GetRandomFileName(); }
    public static string GetTempFileName() { string path = GetTempPath() + "tmp" + Guid.NewGuid().ToString("N").Substring(0, 6) + ".tmp"; IO.File.WriteAllText(Drive.Real(path), ""); return path; }
}

// In the place of System.IO.DriveInfo: how much of the machine's disk is free.
public class DriveInfo {
    public DriveInfo(string name) { if (char.ToUpperInvariant(name[0]) != 'C') throw new IO.DriveNotFoundException(name); }
    public string Name { get { return "C:\\"; } }
    public long TotalSize { get { return 80L << 30; } }
    public long TotalFreeSpace { get { return AvailableFreeSpace; } }
    public long AvailableFreeSpace { get {
        string order = Environment.GetEnvironmentVariable("WORLD_RUN") + "/disk-free";
        return IO.File.Exists(order) ? long.Parse(IO.File.ReadAllText(order)) : 60L << 30;
    } }
}

// What Start-Process gives: only the process itself is ended by Kill; the exit code is unknown unless a handle was kept.
public class Process {
    readonly System.Diagnostics.Process process;
    bool held;
    public Process(System.Diagnostics.Process process, string name) { this.process = process; ProcessName = name; Id = process.Id; StartTime = DateTime.Now; }
    public int Id { get; private set; }
    public string ProcessName { get; private set; }
    public DateTime StartTime { get; private set; }
    public IntPtr Handle { get { held = true; return new IntPtr(Id); } }
    public bool HasExited { get { return process.HasExited; } }
    public object ExitCode { get {
        if (!process.HasExited) throw new InvalidOperationException("Process must exit before requested information can be determined.");
        // A Windows exit code has 32 bits and Linux keeps 8 of them, so the stand-in leaves the whole one in a file.
        string whole = Environment.GetEnvironmentVariable("WORLD_RUN") + "/exit-codes/" + Id;
        if (!held) return null;
        return IO.File.Exists(whole) ? int.Parse(IO.File.ReadAllText(whole)) : process.ExitCode;
    } }
    public bool WaitForExit(int milliseconds) { return process.WaitForExit(milliseconds); }
    public void WaitForExit() { process.WaitForExit(); }
    public void Kill() { if (process.HasExited) throw new InvalidOperationException("Cannot process request because the process (" + Id + ") has exited."); process.Kill(); }
    public void Refresh() { process.Refresh(); }
    public void Close() { process.Close(); }
    public void Dispose() { process.Dispose(); }
}

// In the place of System.Net.Dns: at the start of a machine names cannot be looked up for a while.
public static class Dns {
    static string Checked(string name) {
        if (IO.File.Exists(Environment.GetEnvironmentVariable("WORLD_RUN") + "/no-names")) throw new System.Net.Sockets.SocketException(11001);
        return name;
    }
    public static System.Net.IPAddress[] GetHostAddresses(string name) { Checked(name); return new[] { System.Net.IPAddress.Loopback }; }
    public static System.Net.IPHostEntry GetHostEntry(string name) { return new System.Net.IPHostEntry { HostName = Checked(name), AddressList = new[] { System.Net.IPAddress.Loopback } }; }
    public static string GetHostName() { return Environment.GetEnvironmentVariable("COMPUTERNAME"); }
}


// The stand-ins' own files, by the places of this computer.
public static class Text {
    public static string Read(string path) { return IO.File.ReadAllText(path); }
    public static string Read(string path, Encoding encoding) {
        using (var stream = new IO.FileStream(path, IO.FileMode.Open, IO.FileAccess.Read, IO.FileShare.ReadWrite | IO.FileShare.Delete))
        using (var reader = new IO.StreamReader(stream, encoding, true)) return reader.ReadToEnd();
    }
    public static byte[] Bytes(string path) { return IO.File.ReadAllBytes(path); }
    public static void Write(string path, string text) {
        string fresh = path + "." + Environment.ProcessId;
        IO.File.WriteAllText(fresh, text);
        IO.File.Move(fresh, path, true);
    }
    public static string[] Lines(string text) {
        if (text.Length == 0) return new string[0];
        string[] lines = text.Replace("\r\n", "\n").Split('\n');
        return text.EndsWith("\n") ? lines.Take(lines.Length - 1).ToArray() : lines;
    }
    public static string[] Names(string folder) { return IO.Directory.EnumerateFileSystemEntries(folder).Select(IO.Path.GetFileName).ToArray(); }
    public static bool IsFile(string path) { return IO.File.Exists(path); }
    public static void Delete(string path) { IO.File.Delete(path); }
    public static string Head(string path) {
        using (var stream = new IO.FileStream(path, IO.FileMode.Open, IO.FileAccess.Read, IO.FileShare.ReadWrite)) {
            byte[] head = new byte[64];
            return Encoding.ASCII.GetString(head, 0, stream.Read(head, 0, head.Length));
        }
    }
    public static void Folder(string path) { IO.Directory.CreateDirectory(path); }
    // Whether a program of the local internet is as it was served: its first 60,000 bytes behind the head repeat a block.
    public static bool IsWhole(string path) {
        byte[] bytes = IO.File.ReadAllBytes(path);
        int start = Array.IndexOf(bytes, (byte)10) + 1;
        if (bytes.Length - start != 60000) return false;
        for (int n = start + 32; n < bytes.Length; n++) if (bytes[n] != bytes[n - 32]) return false;
        return true;
    }
    public static void Kill(int pid) { try { using (var process = System.Diagnostics.Process.GetProcessById(pid)) process.Kill(); } catch (ArgumentException) { } }
}

}
