# Begins with the long downloads at once, one after the other, before Python and the second stage are there: the link
# must not stand idle. Only files with a hash: the real downloader (guest/download) ends this, goes on from what is
# here, from other sources too, and checks it. Resumes after each cut in a new run of curl.
. "$PSScriptRoot\lib.ps1"
$options = Get-CurlOptions 'fetch'
$files = $Manifest.files | Where-Object { $_.sha256 -and $_.step -ne 'python' -and -not (Test-Path "$State\done\$($_.step)") -and -not (Test-Path $_.path) }
for ($try = 0; $try -lt 100 -and $files; $try++) {
    $files = @($files | Where-Object {
        $have = (Get-Item "$($_.path).part" -ErrorAction SilentlyContinue).Length
        -not ($_.bytes -and $have -ge $_.bytes) -and (Invoke-Native 'curl.exe' ($options + '"{0}.part" "{1}"' -f $_.path, $_.urls[$try % $_.urls.Count]) 'fetch' 600)
    })
    Start-Sleep -Seconds 10
}
