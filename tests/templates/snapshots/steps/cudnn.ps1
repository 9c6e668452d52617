# cuDNN from NVIDIA's open archive, copied into the toolkit.
$Toolkit = "$env:ProgramFiles\NVIDIA GPU Computing Toolkit\CUDA\v11.8"
$Done = { Test-Path "$Toolkit\bin\cudnn64_8.dll" }
$Do = {
    Wait-Download 'cudnn'
    $path = ($Manifest.files | Where-Object { $_.id -eq 'cudnn' }).path
    $folder = "$Root\downloads\cudnn"
    $null = New-Item -ItemType Directory -Force $folder
    # Several times faster than Expand-Archive.
    $code = Invoke-Native 'tar.exe' "-xf $path -C $folder --strip-components 1" 'cudnn' 20
    if ($code -ne 0) { throw "the cuDNN archive does not unpack ($code) | Is there room on the disk?" }
    foreach ($part in 'bin', 'include', 'lib') { Copy-Item "$folder\$part" $Toolkit -Recurse -Force }
    Remove-Item $folder, $path -Recurse -Force
}
$Check = { if (-not (& $Done)) { throw 'cudnn64_8.dll is missing | See the end of the log.' } }
